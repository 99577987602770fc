"""The main table."""

from edgejoule.reports import markup, results

TITLE = "Results"
ORDER = 10


def render(report):
    """One row per method, dense first."""
    if not len(report.methods):
        return ""
    return markup.render("table.html", table=results.results(report), key="results")
