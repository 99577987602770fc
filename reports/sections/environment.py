"""Device, versions, commit: what the numbers depend on besides the method."""

from edgejoule.reports import markup
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup

TITLE = "Environment"
ORDER = 80


def render(report: Report) -> Markup:
    """What all runs share, and what differs between them."""
    if not report.bundles.runs:
        return Markup("")
    shared, differing = report.surroundings
    return markup.render("environment.html", shared=shared, differing=differing)
