"""Accuracy against cost, with the spread over seeds; dense marked, the front as a staircase."""
from typing import List, NamedTuple, Optional

from markupsafe import Markup

from reports import axes, quantity, svg
from reports.spread import Spread

WIDTH, HEIGHT = 420.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 404.0, 34.0, 282.0
LETTER = 6.8  # pixels that one letter of a label takes


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
        axes.scale(_extent(p.accuracy for p in points), BOTTOM, TOP, 0.12))
    title = "Accuracy against {}".format(cost_title)
    return svg.picture(
        identity, WIDTH, HEIGHT, title, describe(points, unit),
        axes.frame(plot, axes.ticks(plot.x.low, plot.x.high), axes.ticks(plot.y.low, plot.y.high),
                   "{} ({})".format(cost_title, unit.name), "Test accuracy (%)"),
        _guides(plot, points), _staircase(plot, points),
        *([_bars(plot, point) for point in points] + [_mark(plot, p) for p in points]
          + _labels(plot, points)))


def describe(points, unit) -> str:
    """The figure in words."""
    return "; ".join("{}: {} % at {} {}".format(
        point.name, quantity.significant(point.accuracy.mean),
        quantity.significant(point.cost.mean), unit.name) for point in points)


def front(points) -> List[Point]:
    """The points that no other beats in accuracy at the same or lower cost, cheapest first."""
    best = []
    for point in sorted(points, key=lambda p: (p.cost.mean, -p.accuracy.mean)):
        if not best or point.accuracy.mean > best[-1].accuracy.mean:
            best.append(point)
    return best


def _shown(point: Point, unit) -> Point:
    return point._replace(cost=_scaled(point.cost, unit.size),
                          accuracy=_scaled(point.accuracy, quantity.PERCENT.size))


def _scaled(spread: Spread, size: float) -> Spread:
    sd: Optional[float] = None if spread.sd is None else spread.sd / size
    return Spread(spread.n, spread.mean / size, sd, spread.low / size, spread.high / size)


def _extent(spreads):
    return [end for each in spreads for end in (
        each.low, each.high, each.mean - (each.sd or 0), each.mean + (each.sd or 0))]


def _guides(plot, points) -> Markup:
    """Where dense training stands: the corner to be left of and above."""
    lines = [part for p in points if p.dense for part in (
        svg.line([(plot.x(p.cost.mean), BOTTOM), (plot.x(p.cost.mean), TOP)], "guide"),
        svg.line([(LEFT, plot.y(p.accuracy.mean)), (RIGHT, plot.y(p.accuracy.mean))], "guide"))]
    return Markup("").join(lines)


def _staircase(plot, points) -> Markup:
    steps, last = [], None
    for point in front(points):
        x, y = plot.at(point.cost.mean, point.accuracy.mean)
        steps += [(x, last), (x, y)] if last is not None else [(x, BOTTOM), (x, y)]
        last = y
    return svg.line(steps + [(RIGHT, last)] if steps else [], "front")


def _bars(plot, point) -> Markup:
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


def _class(point) -> str:
    return "bar s{}".format(point.series % 8)


def _mark(plot, point) -> Markup:
    x, y = plot.at(point.cost.mean, point.accuracy.mean)
    return svg.mark(point.series, x, y, 6.0, point.name)


def _labels(plot, points) -> List[Markup]:
    """Names beside their points, moved up or down until none covers another."""
    taken, labels = [_box(*plot.at(p.cost.mean, p.accuracy.mean), 0, -7.0) for p in points], []
    for point in sorted(points, key=lambda p: -p.accuracy.mean):
        x, y = plot.at(point.cost.mean, point.accuracy.mean)
        name = svg.short(point.name)
        box = _free(x, y, len(name) * LETTER, taken)
        taken.append(box)
        labels.append(svg.text(box[0], box[3] - 3, name, class_="name"))
    return labels


def _free(x, y, width, taken):
    """The nearest place for a label beside a point, right of it if it fits."""
    for shift in (0, -15, 15, -30, 30, -45, 45, -60, 60):
        for start in (x + 11, x - 11 - width):
            box = (start, y - 8 + shift, start + width, y + 7 + shift)
            if LEFT <= start and start + width <= WIDTH - 2 and TOP - 8 < box[1] \
                    and box[3] < BOTTOM and not any(_overlap(box, each) for each in taken):
                return box
    start = min(max(x + 11, LEFT), WIDTH - 2 - width)
    return start, y - 8, start + width, y + 7


def _box(x, y, width, pad):
    return x + pad, y - 7, x + width - pad, y + 7


def _overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
