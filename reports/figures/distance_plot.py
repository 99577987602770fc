"""An early-bird search: distances by epoch, the threshold, and the epoch the ticket was drawn."""

from typing import List, Sequence, Tuple

from markupsafe import Markup

from edgejoule.reports.figures import axes, svg
from edgejoule.reports.rows import Drawn
from edgejoule.reports.words import sentence

WIDTH, HEIGHT = 420.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 404.0, 34.0, 232.0
TOUCHING = 13.0  # pixels: nearer diamonds overlap, and share their words

Search = Tuple[int, Drawn]  # seed, and how far its states were from each other
Place = Tuple[float, float]  # in pixels


def draw(identity: str, name: str, searches: Sequence[Search], series: int) -> Markup:
    """The searches of one method, one line per seed; "" if no distance was ever taken."""
    points = [point for _, drawn in searches for point in drawn.distances]
    if not points:
        return Markup("")
    thresholds = sorted({drawn.threshold for _, drawn in searches})
    plot = axes.Plot(
        axes.scale([x for x, _ in points] + [0], LEFT, RIGHT, 0.04, floor=0.0),
        axes.scale([y for _, y in points] + thresholds + [0.0], BOTTOM, TOP, 0.08, floor=0.0),
    )
    return svg.picture(
        identity,
        WIDTH,
        HEIGHT,
        "Early-bird search of {}".format(name),
        describe(searches),
        axes.frame(
            plot,
            axes.whole_ticks(plot.x.low, plot.x.high, 6),
            axes.ticks(plot.y.low, plot.y.high, 4),
            "epochs trained",
            "Distance",
        ),
        *(
            [_threshold(plot, each) for each in thresholds]
            + [_curve(plot, place, each, series) for place, each in enumerate(searches)]
            + _tickets(plot, searches, series)
        ),
    )


def describe(searches: Sequence[Search]) -> str:
    """The figure in words."""
    return " ".join(
        sentence("seed {}: {}".format(seed, outcome(drawn))) for seed, drawn in searches
    )


def outcome(drawn: Drawn) -> str:
    """How one search ended, in words."""
    if drawn.epoch is None:
        return "never settled below {:g}".format(drawn.threshold)
    return "ticket drawn after {} epochs, below {:g}".format(drawn.epoch, drawn.threshold)


def _threshold(plot: axes.Plot, value: float) -> Markup:
    y = plot.y(value)
    return svg.line([(LEFT, y), (RIGHT, y)], "guide") + svg.text(
        RIGHT, y - 5, "threshold {:g}".format(value), "end", "tick"
    )


def _curve(plot: axes.Plot, place: int, search: Search, series: int) -> Markup:
    _, drawn = search
    points = [plot.at(*point) for point in drawn.distances]
    dots = [
        svg.tag("circle", cx=x, cy=y, r=2.2, class_="dot s{}".format(series)) for x, y in points
    ]
    curve = svg.line(points, "curve s{}".format(series), stroke_dasharray=svg.dash(place))
    return Markup("").join([curve] + dots)


def _tickets(plot: axes.Plot, searches: Sequence[Search], series: int) -> List[Markup]:
    """A diamond where each ticket was drawn; tickets that touch share their words."""
    drawn = sorted(
        (plot.at(*each.distances[-1]), seed)
        for seed, each in searches
        if each.epoch is not None and each.distances
    )
    heaps: List[Tuple[Place, List[int]]] = []
    for place, seed in drawn:
        if heaps and all(abs(a - b) < TOUCHING for a, b in zip(place, heaps[-1][0])):
            heaps[-1][1].append(seed)
        else:
            heaps.append((place, [seed]))
    marks = [
        svg.tag("path", d=svg.outline("diamond", x, y, 6.5), class_="ticket s{}".format(series))
        for (x, y), _ in drawn
    ]
    return _labels(heaps) + marks


def _labels(heaps: List[Tuple[Place, List[int]]]) -> List[Markup]:
    """A label under each heap of tickets, or beside it where the axis is too near."""
    labels, last = [], TOP
    for (x, y), seeds in heaps:
        below = y + 26 < BOTTOM
        height = max(y + 22, last + 14) if below else y + 4  # 14: a line of text
        last = height if below else TOP
        end = x > (LEFT + RIGHT) / 2
        away = (6 if below else -11) * (1 if end else -1)
        labels.append(
            svg.text(
                x + away,
                height,
                "ticket, seed{} {}".format(
                    "s" * (len(seeds) > 1), ", ".join(str(seed) for seed in sorted(seeds))
                ),
                "end" if end else "start",
                "name",
            )
        )
    return labels
