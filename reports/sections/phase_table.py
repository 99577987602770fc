"""Where the cost goes, phase by phase."""

from edgejoule.reports import markup, phase_costs
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup

TITLE = "Where the cost goes"
ORDER = 30
MOST = 100  # methods; a table of more takes seconds to open, and table.md has all of them


def render(report: Report) -> Markup:
    """One row per method and phase."""
    if not len(report.methods):
        return Markup("")
    return markup.render("table.html", table=phase_costs.phases(report, MOST), key="phases")
