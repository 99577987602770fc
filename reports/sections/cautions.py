"""Warnings of the runs, each once, with how many runs share it."""

from edgejoule.reports import markup
from edgejoule.reports.doubts import doubts
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup

TITLE = "Warnings"
ORDER = 70


def render(report: Report) -> Markup:
    """What a reader must know before believing a number."""
    return markup.render("cautions.html", doubts=doubts(report))
