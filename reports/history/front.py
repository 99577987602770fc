"""The page of accuracy against joules over the latest nights of every place."""

from typing import Any, Dict, List

from edgejoule.reports import quantity, spread
from edgejoule.reports.figures import pareto_plot
from edgejoule.reports.figures.pareto_plot import Point
from edgejoule.reports.history import page_frame, past
from edgejoule.reports.history.night_table import QUANTITIES
from edgejoule.reports.tables import Cell, Column, Row, Table
from edgejoule.reports.words import plain, plural

LATEST = 14  # nights: enough for a spread, and recent enough to be of the present code
COSTS = (("joules", quantity.ENERGY), ("seconds", quantity.TIME))


def page(history: past.Past) -> str:
    """The HTML: one figure per place and cost."""
    parts = [_part(history, number, place) for number, place in enumerate(history.places)]
    return page_frame.page(
        "pareto.html",
        history,
        "Accuracy against energy",
        parts=[part for part in parts if part["figures"]],
        latest=LATEST,
    )


def table(history: past.Past, place: past.Place) -> Table:
    """What the figures show: mean and standard deviation over the latest nights."""
    parts = measured(history, place)
    units = {
        name: quantity.fitting([part[name].mean for part in parts if part[name]], fits)
        for name, fits in COSTS
    }
    columns = (Column("Method", number=False), Column("Nights"), Column("Accuracy (%)")) + tuple(
        Column(
            "{} ({})".format(
                QUANTITIES[name],
                ", ".join(filter(None, (units[name].name, history.power_label(place, name)))),
            )
        )
        for name, _ in COSTS
    )
    units["accuracy"] = quantity.PERCENT
    body = tuple(
        Row(
            (Cell(plain(part["label"])), Cell(str(part["nights"])))
            + tuple(
                Cell("not measured")
                if part[name] is None
                else Cell(*quantity.written(part[name], units[name]))
                for name in ("accuracy", "joules", "seconds")
            )
        )
        for part in parts
    )
    title = "{} on {}, the latest nights".format(plain(place[1]), plain(place[0]))
    return Table(
        title,
        columns,
        body,
        (
            (
                "",
                "mean ± sample standard deviation over nights; each night is the mean of its "
                "seeds; whole runs",
            ),
        ),
    )


def measured(history: past.Past, place: past.Place) -> List[Dict[str, Any]]:
    """Per method its spread over the latest nights that share the last surroundings."""
    return [_method(history, place, label) for label in history.labels(place)]


def _method(history: past.Past, place: past.Place, label: str) -> Dict[str, Any]:
    points = {
        name: _latest(history, place, label, name) for name in ("accuracy", "joules", "seconds")
    }
    found = {name: spread.spread(values) for name, values in points.items()}
    return dict(found, label=label, nights=max(len(values) for values in points.values()))


def _latest(history: past.Past, place: past.Place, label: str, metric: str) -> List[float]:
    """The values of the latest nights, as far as their surroundings are those of the last one."""
    nights = {night.night for night in history.nights[place][-LATEST:]}
    points = [point for point in history.points(place, label, metric) if point.night in nights]
    return [
        point.value
        for point in points
        # a mean over two power modes would be the mean of two machines
        if point.context == points[-1].context and point.value is not None
    ]


def _part(history: past.Past, number: int, place: past.Place) -> Dict[str, Any]:
    figures = []
    for name, units in COSTS:
        points = [
            Point(
                plain(part["label"]),
                part[name],
                part["accuracy"],
                history.colours[part["label"]],
                history.colours[part["label"]] == 0,
            )
            for part in measured(history, place)
            if part[name] and part["accuracy"]
        ]
        if points:
            unit = quantity.fitting([point.cost.mean for point in points], units)
            title = _title(history, place, name)
            figures.append(
                (title, pareto_plot.draw("pareto-{}-{}".format(number, name), points, unit, title))
            )
    return {
        "device": plain(place[0]),
        "suite": plain(place[1]),
        "figures": figures,
        "table": table(history, place),
        "nights": plural(len(history.nights[place][-LATEST:]), "night"),
    }


def _title(history: past.Past, place: past.Place, name: str) -> str:
    """A cost as an axis calls it, without its unit; it says so if the power was not measured."""
    label = history.power_label(place, name)
    return "{} of a whole run".format(QUANTITIES[name]) + (", " + label if label else "")
