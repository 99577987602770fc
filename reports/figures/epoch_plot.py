"""Small multiples: loss, accuracy and cost of every epoch, one figure per method, axes shared."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from edgejoule.bench import rounding
from edgejoule.reports import quantity
from edgejoule.reports.figures import axes, svg
from edgejoule.reports.words import plural

WIDTH, LEFT, RIGHT = 200.0, 32.0, 196.0
TOP, PANEL, GAP = 18.0, 66.0, 32.0

Point = Tuple[float, float]


class Panel(NamedTuple):
    """One quantity: its column in the frame of epochs, its title, its unit."""

    column: str
    title: str
    unit: quantity.Unit


class Curves(NamedTuple):
    """One method's epochs: for each seed the epoch numbers and a list per column."""

    name: str
    series: int
    seeds: Tuple[Tuple[int, List[int], Dict[str, List[Optional[float]]]], ...]
    cuts: Tuple[int, ...]  # last epoch before the first one of another phase, one per seed


def panels(cost: str, values: Iterable[float], label: str) -> List[Panel]:
    """What is drawn; the cost in the unit that fits its values."""
    unit = quantity.fitting(values, quantity.ENERGY if cost == "joules" else quantity.TIME)
    words = "{} per epoch{}".format(unit.name, " ({})".format(label) if label else "")
    return [
        Panel("loss", "Training loss", quantity.ONE),
        Panel("accuracy", "Test accuracy (%)", quantity.PERCENT),
        Panel(cost, words, unit),
    ]


def shared(everyone: List[Curves], parts: List[Panel]) -> List[Optional[axes.Plot]]:
    """A plot per panel that holds the values of all methods; None where nothing is known."""
    across = axes.scale(
        [epoch for each in everyone for _, epochs, _ in each.seeds for epoch in epochs],
        LEFT,
        RIGHT,
        0.03,
    )
    return [_plot(panel, place, everyone, across) for place, panel in enumerate(parts)]


def draw(
    identity: str,
    mine: Curves,
    dense: Optional[Curves],
    plots: Sequence[Optional[axes.Plot]],
    parts: Sequence[Panel],
) -> Markup:
    """The figure of one method: a line per seed, dense training in grey behind it."""
    height = TOP + len(parts) * (PANEL + GAP) + 12
    children = [
        _panel(panel, plot, mine, dense, place == len(parts) - 1)
        for place, (panel, plot) in enumerate(zip(parts, plots))
        if plot is not None
    ]
    return svg.picture(identity, WIDTH, height, mine.name, describe(mine, parts), *children)


def describe(curves: Curves, parts: Sequence[Panel]) -> str:
    """The figure in words: where each quantity ended."""
    ends = []
    for panel in parts:
        last = [each[2][panel.column][-1] for each in curves.seeds if each[2][panel.column]]
        known = [value for value in last if value is not None]
        if known:
            ends.append(
                "{} in the last epoch: {}".format(
                    panel.title,
                    quantity.significant(rounding.scaled(sum(known) / len(known), panel.unit.size)),
                )
            )
    return "{}. {}".format(plural(len(curves.seeds), "seed"), "; ".join(ends))


def _plot(
    panel: Panel, place: int, everyone: List[Curves], across: axes.Scale
) -> Optional[axes.Plot]:
    values = [
        value
        for each in everyone
        for _, _, columns in each.seeds
        for value in columns[panel.column]
        if value is not None
    ]
    if not values:
        return None
    top = TOP + place * (PANEL + GAP)
    # accuracies lie far from 0, and their differences are what counts
    floor = 0.0 if panel.column != "accuracy" else None
    extent = [value / panel.unit.size for value in values]
    if panel.column in ("seconds", "joules"):
        extent.append(0.0)  # costs are compared by their height
    return axes.Plot(across, axes.scale(extent, top + PANEL, top, 0.06, floor))


def _panel(
    panel: Panel, plot: axes.Plot, mine: Curves, dense: Optional[Curves], last: bool
) -> Markup:
    """One panel; the `last` has the axis of epochs under it."""
    y_ticks = axes.at_least(plot.y.low, plot.y.high, 3)
    x_ticks = axes.whole_ticks(plot.x.low, plot.x.high, 4)
    parts = [
        axes.frame(plot, x_ticks if last else [], y_ticks),
        svg.text(LEFT, plot.y.end - 6, panel.title, class_="name"),
    ]
    if last:
        parts.append(svg.text(RIGHT, plot.y.start + 33, "epoch", "end", "title"))
    parts += [
        svg.line([(plot.x(cut + 0.5), plot.y.start), (plot.x(cut + 0.5), plot.y.end)], "cut")
        for cut in sorted(set(mine.cuts))
    ]
    if dense is not None and dense is not mine:
        parts += _lines(panel, plot, dense, "curve behind")
    return Markup("").join(parts + _lines(panel, plot, mine, "curve s{}".format(mine.series)))


def _lines(panel: Panel, plot: axes.Plot, curves: Curves, class_: str) -> List[Markup]:
    return [
        svg.line([plot.at(*point) for point in piece], class_)
        if len(piece) > 1
        else _dot(plot, piece[0], class_)
        for _, epochs, columns in curves.seeds
        for piece in _pieces(epochs, columns[panel.column], panel.unit.size)
    ]


def _dot(plot: axes.Plot, point: Point, class_: str) -> Markup:
    """An epoch between two that were not measured: a line of one point would not show."""
    x, y = plot.at(*point)
    return svg.tag("circle", cx=x, cy=y, r=2.2, class_=class_.replace("curve", "dot"))


def _pieces(
    epochs: Iterable[int], values: Iterable[Optional[float]], size: float
) -> List[List[Point]]:
    """Stretches of known values: a line is not drawn across what was not measured."""
    pieces: List[List[Point]] = []
    piece: List[Point] = []
    for epoch, value in zip(epochs, values):
        if value is None:
            pieces, piece = pieces + [piece], []
        else:
            piece.append((epoch, value / size))
    return [each for each in pieces + [piece] if each]
