"""Accuracy against cost, with the spread over seeds; dense marked, the front as a staircase."""

from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from edgejoule.bench import rounding
from edgejoule.reports import quantity
from edgejoule.reports.figures import axes, svg
from edgejoule.reports.spread import Spread

WIDTH, HEIGHT = 420.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 404.0, 34.0, 282.0
STEP = 15  # pixels between the lines of labels
LETTER = 6.8  # pixels that one letter of a label takes, on the wide side: fonts differ
MOST_NAMES = 24  # labels that find a place; the others show on hovering

Box = Tuple[float, float, float, float]  # left, upper, right and lower edge, in pixels


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
    plot = axes.Plot(
        axes.scale(_extent(p.cost for p in points), LEFT, RIGHT, 0.12, floor=0.0),
        axes.scale(_extent(p.accuracy for p in points), BOTTOM, TOP, 0.12),
    )
    title = "Accuracy against {}".format(cost_title)
    return svg.picture(
        identity,
        WIDTH,
        HEIGHT,
        title,
        describe(points, unit),
        axes.frame(
            plot,
            axes.ticks(plot.x.low, plot.x.high),
            axes.ticks(plot.y.low, plot.y.high),
            "{} ({})".format(cost_title, unit.name),
            "Test accuracy (%)",
        ),
        _guides(plot, points),
        _staircase(plot, points),
        *(
            [_bars(plot, point) for point in points]
            + [_mark(plot, p) for p in points]
            + _labels(plot, points)
        ),
    )


def describe(points: List[Point], unit: quantity.Unit) -> str:
    """The figure in words; of very many points those that have a label."""
    more = len(points) - len(_named(points))
    return "; ".join(
        [
            "{}: {} % at {} {}".format(
                point.name,
                quantity.significant(point.accuracy.mean),
                quantity.significant(point.cost.mean),
                unit.name,
            )
            for point in _named(points)
        ]
        + (["{} more".format(more)] if more else [])
    )


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


def _guides(plot: axes.Plot, points: List[Point]) -> Markup:
    """Where dense training stands: the corner to be left of and above."""
    lines = [
        part
        for p in points
        if p.dense
        for part in (
            svg.line([(plot.x(p.cost.mean), BOTTOM), (plot.x(p.cost.mean), TOP)], "guide"),
            svg.line([(LEFT, plot.y(p.accuracy.mean)), (RIGHT, plot.y(p.accuracy.mean))], "guide"),
        )
    ]
    return Markup("").join(lines)


def _staircase(plot: axes.Plot, points: List[Point]) -> Markup:
    """The front, from the foot of the figure to its right edge."""
    steps: List[Tuple[float, float]] = []
    last = BOTTOM
    for point in front(points):
        x, y = plot.at(point.cost.mean, point.accuracy.mean)
        steps += [(x, last), (x, y)]
        last = y
    return svg.line(steps + [(RIGHT, last)] if steps else [], "front")


def _bars(plot: axes.Plot, point: Point) -> Markup:
    """One standard deviation each way."""
    x, y = plot.at(point.cost.mean, point.accuracy.mean)
    parts = []
    if point.cost.sd:
        ends = [plot.x(point.cost.mean + sign * point.cost.sd) for sign in (-1, 1)]
        parts.append(svg.line([(ends[0], y), (ends[1], y)], _class(point)))
    if point.accuracy.sd:
        ends = [plot.y(point.accuracy.mean + sign * point.accuracy.sd) for sign in (-1, 1)]
        parts.append(svg.line([(x, ends[0]), (x, ends[1])], _class(point)))
    return Markup("").join(parts)


def _class(point: Point) -> str:
    return "bar s{}".format(point.series)


def _mark(plot: axes.Plot, point: Point) -> Markup:
    x, y = plot.at(point.cost.mean, point.accuracy.mean)
    return svg.mark(point.series, x, y, 6.0, point.name)


def _labels(plot: axes.Plot, points: List[Point]) -> List[Markup]:
    """Names beside their points, moved up or down until none covers another."""
    covered = [box for point in points for box in _covered(plot, point)]
    names: List[Box] = []
    drawn = []
    for point in sorted(_named(points), key=lambda p: -p.accuracy.mean):
        x, y = plot.at(point.cost.mean, point.accuracy.mean)
        name = svg.short(point.name)
        box = _free(x, y, len(name) * LETTER, covered, names)
        names.append(box)
        if abs(box[1] + 8 - y) > STEP:  # too far away to be read as its neighbour
            near = box[0] - 3 if box[0] > x else box[2] + 3
            drawn.append(svg.line([(x, y), (near, box[3] - 7)], "leader"))
        drawn.append(svg.text(box[0], box[3] - 3, name, class_="name"))
    return drawn


def _named(points: List[Point]) -> List[Point]:
    """The points that get a label: all, or of very many dense training and the front."""
    if len(points) <= MOST_NAMES:
        return points
    dense = [point for point in points if point.dense]
    return (dense + [point for point in front(points) if not point.dense])[:MOST_NAMES]


def _free(x: float, y: float, width: float, covered: Sequence[Box], names: Sequence[Box]) -> Box:
    """The nearest place for a label that covers nothing, or at least no other label."""
    places = [
        (start, y - 8 + shift, start + width, y + 7 + shift)
        for shift in sorted(range(-12 * STEP, 13 * STEP, STEP), key=abs)
        for start in (x + 11, x - 11 - width)
    ]
    inside = [
        box
        for box in places
        if box[0] >= LEFT and box[2] <= WIDTH - 2 and box[1] > TOP - 8 and box[3] < BOTTOM
    ]
    for taken in (list(covered) + list(names), names):
        for box in inside:
            if not any(_overlap(box, each) for each in taken):
                return box
    return places[0]  # all are taken: better over another mark than nowhere


def _covered(plot: axes.Plot, point: Point) -> Tuple[Box, Box, Box]:
    """The boxes of a point's mark and of its two bars."""
    x, y = plot.at(point.cost.mean, point.accuracy.mean)
    across = abs(plot.x(point.cost.mean + (point.cost.sd or 0)) - x)
    down = abs(plot.y(point.accuracy.mean + (point.accuracy.sd or 0)) - y)
    return (
        (x - 7, y - 7, x + 7, y + 7),
        (x - across, y - 1, x + across, y + 1),
        (x - 1, y - down, x + 1, y + down),
    )


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
