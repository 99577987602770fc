"""Accuracy against cost, of the whole run and of one epoch."""

from typing import Any, Iterator, Mapping, Optional, Tuple

from edgejoule.reports import markup, quantity
from edgejoule.reports.figures import pareto_plot
from edgejoule.reports.figures.pareto_plot import Point
from edgejoule.reports.frames import SMALL_PART
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup
from edgejoule.reports.spread import Spread

TITLE = "Accuracy against cost"
ORDER = 5
CAPTION = (
    "Bars are one standard deviation over seeds. Dashed: dense training, of the whole network. "
    "A number behind a method is the share it removes. The staircase "
    "joins the methods that no other beats at the same or lower cost. An arrow: below the axis."
)


def render(report: Report) -> Markup:
    """Two figures per block: what the whole run costs, and what one epoch costs."""
    figures = [
        figure
        for number, key in enumerate(report.blocks)
        for figure in _figures(report, key, "pareto-{}".format(number))
    ]
    if not figures:
        return Markup("")
    return markup.render("figures.html", figures=figures, caption=CAPTION, kind="wide")


def _figures(report: Report, key: str, identity: str) -> Iterator[Tuple[str, Markup]]:
    """(name, figure) of one block for each cost that at least two methods have."""
    # fake joules are seconds times a constant: the figure shows what the answer above it compares
    energy = report.judged == "joules"
    units, words = (quantity.ENERGY, "Energy") if energy else (quantity.TIME, "Time")
    for name, title in (
        (report.judged, words + " of the whole run"),
        ("epoch_" + report.judged, words + " per epoch"),
    ):
        costs = [(method, _cost(method, name)) for method in report.block(key).to_dict("records")]
        points = [
            Point(
                method["name"],
                cost,
                method["accuracy"],
                report.series(method["label"]),
                bool(method["dense"]),
            )
            for method, cost in costs
            if cost is not None
        ]
        if len(points) > 1:  # one point compares nothing
            unit = quantity.fitting([point.cost.mean for point in points], units)
            yield (
                " · ".join(filter(None, (title, report.heading(key)))),
                pareto_plot.draw(
                    "{}-{}".format(identity, name.replace("_", "-")), points, unit, title
                ),
            )


def _cost(method: Mapping[str, Any], name: str) -> Optional[Spread]:
    """The cost, or the joules that are known if next to nothing is missing."""
    if name == "joules" and method["unmeasured"] <= SMALL_PART:
        return method["joules_known"]
    return method[name]
