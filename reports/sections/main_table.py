"""The main table: what each method reaches and costs."""

from edgejoule.reports import markup, results
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup

TITLE = "Results"
ORDER = 10


def render(report: Report) -> Markup:
    """One row per method, dense first."""
    if not len(report.methods):
        return Markup("")
    return markup.render("table.html", table=results.results(report), key="results")
