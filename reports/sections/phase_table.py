"""Where the cost goes."""
from reports import markup, phase_costs

TITLE = "Where the cost goes"
ORDER = 30


def render(report):
    """One row per method and phase."""
    if not len(report.methods):
        return ""
    return markup.render("table.html", table=phase_costs.phases(report), key="phases")
