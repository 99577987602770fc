"""Device, versions, commit: what the numbers depend on besides the method."""

from edgejoule.reports import markup

TITLE = "Environment"
ORDER = 80


def render(report):
    """What all runs share, and what differs between them."""
    if not report.bundles.runs:
        return ""
    shared, differing = report.surroundings
    return markup.render("environment.html", shared=shared, differing=differing)
