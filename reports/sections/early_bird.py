"""Early-bird searches: distances until the ticket was drawn."""

from typing import Iterator, Tuple

import pandas

from edgejoule.reports import excerpt, markup
from edgejoule.reports.figures import distance_plot
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup

TITLE = "Early-bird search"
ORDER = 40
CAPTION = (
    "Each line is a seed: how far a state of the network is from those before it, the value "
    "the detector holds against its threshold. The diamond is the drawn ticket."
)


def render(report: Report) -> Markup:
    """One figure per method that searched."""
    shown, left_out = excerpt.methods(
        report, lambda method: any(report.parts[case_id].ticket for case_id in method["case_ids"])
    )
    figures = [
        figure
        for method in shown
        for figure in _figure(report, method, "distance-{}".format(method.name))
    ]
    if not figures:
        return Markup("")
    return markup.render("figures.html", figures=figures, caption=CAPTION + left_out, kind="wide")


def _figure(report: Report, method: pandas.Series, identity: str) -> Iterator[Tuple[str, Markup]]:
    """(name, figure) of one method, if any distance was taken."""
    tickets = [
        (seed, report.parts[case_id].ticket)
        for seed, case_id in zip(method["seeds"], method["case_ids"])
    ]
    searches = [(seed, ticket) for seed, ticket in tickets if ticket][: excerpt.SEEDS]
    drawing = distance_plot.draw(identity, method["name"], searches, report.series(method["label"]))
    if drawing:
        heading = report.heading(method["block"])
        yield " · ".join(filter(None, (method["name"], searches[0][1].detector, heading))), drawing
