"""Warnings of the runs, each once, with how many runs share it."""

from edgejoule.reports import markup
from edgejoule.reports.doubts import doubts

TITLE = "Warnings"
ORDER = 70


def render(report):
    """What a reader must know before believing a number."""
    return markup.render("cautions.html", doubts=doubts(report))
