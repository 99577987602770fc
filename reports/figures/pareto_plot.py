"""Accuracy against cost, with the spread over seeds; dense marked, the front as a staircase.

A method whose accuracy collapsed would leave a few pixels to all the others: it stands on the lower
edge with an arrow, and below the figure its accuracy is written out.
"""

import math
from typing import Iterable, List, NamedTuple, Optional, Tuple

from markupsafe import Markup

from edgejoule.bench import rounding
from edgejoule.reports import quantity
from edgejoule.reports.figures import axes, labels, svg
from edgejoule.reports.figures.labels import Box, Canvas
from edgejoule.reports.spread import Spread

WIDTH, HEIGHT = 420.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 404.0, 34.0, 282.0
MOST_NAMES = 8  # methods that are all named: a longer list moves the figure off the first screen
MOST_BESIDE = 24  # of so many each is named that finds a place; the others show on hovering
RADIUS, GROWTH = 6.0, 2.5  # pixels of a mark, and of each further one that lies over it
MOST_NESTED = 4  # marks over one another; of more the outer ones would cover their neighbours
LIST = HEIGHT + 8  # where the list of names begins that found no place beside their mark
FAR = 2.0  # a gap of so many times what the other accuracies span is a collapse
LEAST_SPAN = 2.0  # points: methods that agree better than this do not make others collapse

Line = List[Tuple[float, float]]


class Point(NamedTuple):
    """One method: its place, its spread in both directions, its colour."""

    name: str
    cost: Spread
    accuracy: Spread
    series: int
    dense: bool


def draw(identity: str, points: List[Point], unit: quantity.Unit, cost_title: str) -> Markup:
    """The figure of one block. Costs are in stored units, `unit` is what the axis shows."""
    points = [_shown(point, unit) for point in points]
    fallen = collapsed(points)
    upright = [point for point in points if point not in fallen]
    plot = axes.Plot(
        axes.scale(_extent(p.cost for p in points), LEFT, RIGHT, 0.12, floor=0.0),
        axes.scale(_extent(p.accuracy for p in upright), BOTTOM - 16 * bool(fallen), TOP, 0.12),
    )
    frame = axes.frame(
        plot._replace(y=plot.y._replace(low=_edge(plot), start=BOTTOM)),
        axes.ticks(plot.x.low, plot.x.high),
        axes.ticks(plot.y.low, plot.y.high),
        "{} ({})".format(cost_title, unit.name),
        "Test accuracy (%)",
    )
    lines = _guides(plot, points, fallen) + [("front", _staircase(plot, upright))]
    lines += [bar for point in upright for bar in _bars(plot, point)]
    names, below = _names(plot, points, fallen, [line for _, line in lines])
    return svg.picture(
        identity,
        WIDTH,
        HEIGHT + (labels.ROW * _rows(below) + 8 if below else 0),
        "Accuracy against {}".format(cost_title),
        describe(points, unit),
        frame,
        *(
            [svg.line(line, class_) for class_, line in lines]
            + [
                _mark(plot, point, point in fallen, size)
                for point, size in zip(points, _sizes(plot, points, fallen))
            ]
            + names
            + _list(below)
        ),
    )


def describe(points: List[Point], unit: quantity.Unit) -> str:
    """The figure in words; of very many points those that have a label."""
    more = len(points) - len(_named(points))
    fallen = collapsed(points)
    return "; ".join(
        [
            "{}: {} % at {} {}{}".format(
                point.name,
                quantity.significant(point.accuracy.mean),
                quantity.significant(point.cost.mean),
                unit.name,
                ", below the axis" if point in fallen else "",
            )
            for point in _named(points)
        ]
        + (["{} more".format(more)] if more else [])
    )


def collapsed(points: List[Point]) -> List[Point]:
    """The points (in percent) so far below the others that the axis would show little else.

    They are at most half of the points, and dense training is never one.
    """
    ordered = sorted(points, key=lambda point: point.accuracy.mean)
    for count in range(len(ordered) // 2, 0, -1):
        low, rest = ordered[:count], ordered[count:]
        extent = _extent(point.accuracy for point in rest)
        gap = min(extent) - low[-1].accuracy.mean
        if len(rest) < 2 or any(point.dense for point in low):
            continue
        if gap > FAR * max(max(extent) - min(extent), LEAST_SPAN):
            return low
    return []


def front(points: Iterable[Point]) -> List[Point]:
    """The points that no other beats in accuracy at the same or lower cost, cheapest first."""
    best: List[Point] = []
    for point in sorted(points, key=lambda p: (p.cost.mean, -p.accuracy.mean)):
        if not best or point.accuracy.mean > best[-1].accuracy.mean:
            best.append(point)
    return best


def _shown(point: Point, unit: quantity.Unit) -> Point:
    """The point in the units of the axes."""
    return point._replace(
        cost=_scaled(point.cost, unit.size), accuracy=_scaled(point.accuracy, quantity.PERCENT.size)
    )


def _scaled(spread: Spread, size: float) -> Spread:
    mean, low, high = (
        rounding.scaled(each, size) for each in (spread.mean, spread.low, spread.high)
    )
    sd: Optional[float] = None if spread.sd is None else rounding.scaled(spread.sd, size)
    return Spread(spread.n, mean, sd, low, high)


def _extent(spreads: Iterable[Spread]) -> List[float]:
    """What an axis must hold: the values and the bars."""
    return [
        end
        for each in spreads
        for end in (each.low, each.high, each.mean - (each.sd or 0), each.mean + (each.sd or 0))
    ]


def _edge(plot: axes.Plot) -> float:
    """The accuracy at the lower edge of the figure, under the room for collapsed methods."""
    scale = plot.y
    return scale.low - (BOTTOM - scale.start) * (scale.high - scale.low) / (scale.start - scale.end)


def _guides(plot: axes.Plot, points: List[Point], fallen: List[Point]) -> List[Tuple[str, Line]]:
    """Where dense training stands: the corner to be left of and above."""
    lines: List[Tuple[str, Line]] = []
    for point in points:
        if point.dense and point not in fallen:
            x, y = plot.at(point.cost.mean, point.accuracy.mean)
            lines += [("guide", [(x, BOTTOM), (x, TOP)]), ("guide", [(LEFT, y), (RIGHT, y)])]
    return lines


def _staircase(plot: axes.Plot, points: List[Point]) -> Line:
    """The front, from the foot of the figure to its right edge."""
    steps: Line = []
    last = BOTTOM
    for point in front(points):
        x, y = plot.at(point.cost.mean, point.accuracy.mean)
        steps += [(x, last), (x, y)]
        last = y
    return steps + [(RIGHT, last)] if steps else []


def _bars(plot: axes.Plot, point: Point) -> List[Tuple[str, Line]]:
    """One standard deviation each way."""
    x, y = plot.at(point.cost.mean, point.accuracy.mean)
    class_ = "bar s{}".format(point.series)
    lines: List[Tuple[str, Line]] = []
    if point.cost.sd:
        ends = [plot.x(point.cost.mean + sign * point.cost.sd) for sign in (-1, 1)]
        lines.append((class_, [(ends[0], y), (ends[1], y)]))
    if point.accuracy.sd:
        ends = [plot.y(point.accuracy.mean + sign * point.accuracy.sd) for sign in (-1, 1)]
        lines.append((class_, [(x, ends[0]), (x, ends[1])]))
    return lines


def _place(plot: axes.Plot, point: Point, fallen: bool) -> Tuple[float, float]:
    """Where a mark stands: a collapsed method over the lower edge, with room for its arrow."""
    x, y = plot.at(point.cost.mean, point.accuracy.mean)
    return (x, BOTTOM - 17) if fallen else (x, y)


def _sizes(plot: axes.Plot, points: List[Point], fallen: List[Point]) -> List[float]:
    """The radius of each mark: one under later marks is larger, so that its edge still shows."""
    places = [_place(plot, point, point in fallen) for point in points]
    return [
        RADIUS
        + GROWTH
        * min(
            sum(math.hypot(x - a, y - b) < RADIUS for a, b in places[number + 1 :]),
            MOST_NESTED,
        )
        for number, (x, y) in enumerate(places)
    ]


def _mark(plot: axes.Plot, point: Point, fallen: bool, size: float) -> Markup:
    x, y = _place(plot, point, fallen)
    drawn = svg.mark(point.series, x, y, size, point.name)
    if fallen:
        path = "M{x:.1f} {a:.1f}V{b:.1f}M{l:.1f} {c:.1f}L{x:.1f} {b:.1f}L{r:.1f} {c:.1f}".format(
            x=x, a=y + 8, b=BOTTOM - 1, c=BOTTOM - 5, l=x - 4, r=x + 4
        )
        drawn += svg.tag("path", d=path, class_="bar arrow s{}".format(point.series))
    return drawn


def _names(
    plot: axes.Plot, points: List[Point], fallen: List[Point], lines: List[Line]
) -> Tuple[List[Markup], List[Tuple[int, str]]]:
    """(names beside their marks, (series, name) of those that found no place there)."""
    drawn = Canvas(Box(LEFT + 2, TOP - 12, WIDTH - 2, BOTTOM - 2))
    for line in lines:
        drawn.line(line)
    for point, size in zip(points, _sizes(plot, points, fallen)):
        drawn.mark(*_place(plot, point, point in fallen), 1.15 * size)
    made, below = [], []
    for point in sorted(_named(points), key=lambda p: -p.accuracy.mean):
        name = svg.short(point.name)
        if point in fallen and _listed(point, points):
            accuracy = quantity.significant(point.accuracy.mean)
            below.append((point.series, "{}: {} %, below the axis".format(name, accuracy)))
        if point in fallen:
            continue
        box = drawn.label(*_place(plot, point, False), name)
        if box is not None:
            made.append(labels.text(box, name))
        elif _listed(point, points):
            below.append((point.series, name))
    return made, below


def _listed(point: Point, points: List[Point]) -> bool:
    """True if a name without a place beside its mark stands below the figure."""
    return len(points) <= MOST_NAMES or point in _leading(points)


def _named(points: List[Point]) -> List[Point]:
    """The points that get a label: all, or of very many dense training and the front."""
    return points if len(points) <= MOST_BESIDE else _leading(points)


def _leading(points: List[Point]) -> List[Point]:
    """Dense training and the front."""
    dense = [point for point in points if point.dense]
    return (dense + [point for point in front(points) if not point.dense])[:MOST_NAMES]


def _rows(below: List[Tuple[int, str]]) -> int:
    """Lines of the list below the figure."""
    return -(-len(below) // labels.columns([name for _, name in below], RIGHT - LEFT))


def _list(below: List[Tuple[int, str]]) -> List[Markup]:
    """The names that found no place beside their mark, each behind a mark like it."""
    if not below:
        return []
    rows = _rows(below)
    across = (RIGHT - LEFT) / labels.columns([name for _, name in below], RIGHT - LEFT)
    parts = []
    for number, (series, name) in enumerate(below):
        x, y = LEFT + 8 + across * (number // rows), LIST + labels.ROW * (number % rows)
        parts += [svg.mark(series, x, y, 5.0), svg.text(x + 13, y + 4, name, class_="name")]
    return parts
