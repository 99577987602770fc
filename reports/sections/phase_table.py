"""Where the cost goes."""

from edgejoule.reports import markup, phase_costs

TITLE = "Where the cost goes"
ORDER = 30
MOST = 100  # methods


def render(report):
    """One row per method and phase."""
    if not len(report.methods):
        return ""
    return markup.render("table.html", table=phase_costs.phases(report, MOST), key="phases")
