"""Device, versions, commit: what the numbers depend on besides the method."""
from reports import markup
from reports.surroundings import shared_and_differing

TITLE = "Environment"
ORDER = 80


def render(report):
    """What all runs share, and what differs between them."""
    if not report.bundles.runs:
        return ""
    shared, differing = shared_and_differing(report.bundles)
    return markup.render("environment.html", shared=shared, differing=differing)
