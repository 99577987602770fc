"""An early-bird search: distances by epoch, the threshold, and the epoch the ticket was drawn."""

from typing import List, Sequence, Tuple

from markupsafe import Markup

from edgejoule.reports.figures import axes, labels, svg
from edgejoule.reports.figures.labels import Box, Canvas
from edgejoule.reports.rows import Drawn
from edgejoule.reports.words import sentence

WIDTH, HEIGHT = 420.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 404.0, 34.0, 232.0
TOUCHING = 17.0  # pixels: nearer diamonds overlap, and share their words
RADIUS, GROWTH = 6.0, 3.5  # pixels of a ticket's diamond, and of each further one round it

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
    taken = _taken(plot, thresholds, searches)
    tickets, below = _tickets(plot, searches, series, taken)
    return svg.picture(
        identity,
        WIDTH,
        HEIGHT + (labels.ROW * len(below) + 4 if below else 0),
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
            [_threshold(plot, each, taken) for each in thresholds]
            + [_curve(plot, place, each, series) for place, each in enumerate(searches)]
            + tickets
            + _list(below, series)
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


def _taken(plot: axes.Plot, thresholds: Sequence[float], searches: Sequence[Search]) -> Canvas:
    """The lines, dots and tickets that no label may cover."""
    taken = Canvas(Box(LEFT + 2, TOP - 14, WIDTH - 2, BOTTOM - 2))
    for each in thresholds:
        taken.line([(LEFT, plot.y(each)), (RIGHT, plot.y(each))])
    for _, drawn in searches:
        places = [plot.at(*point) for point in drawn.distances]
        taken.line(places)
        for x, y in places:
            taken.boxes.append(Box(x - 3, y - 3, x + 3, y + 3))
    for (x, y), _, size in _sized(plot, searches):
        taken.mark(x, y, 1.25 * size + 1)
    return taken


def _threshold(plot: axes.Plot, value: float, taken: Canvas) -> Markup:
    """The line, and its words where there is room along it: else the description has them."""
    y, words = plot.y(value), "threshold {:g}".format(value)
    drawn = svg.line([(LEFT, y), (RIGHT, y)], "guide")
    wide = labels.width(words)
    for left in [RIGHT - wide - 12.0 * step for step in range(int((RIGHT - LEFT - wide) // 12))]:
        for top in (y - 18, y + 3):
            box = Box(left, top, left + wide, top + labels.ASCENT + labels.DESCENT)
            if taken.free(box):
                taken.boxes.append(box)
                return drawn + labels.text(box, words)
    return drawn + svg.text(RIGHT, TOP - 12, words, "end", "tick")


def _curve(plot: axes.Plot, place: int, search: Search, series: int) -> Markup:
    _, drawn = search
    points = [plot.at(*point) for point in drawn.distances]
    dots = [
        svg.tag("circle", cx=x, cy=y, r=2.2, class_="dot s{}".format(series)) for x, y in points
    ]
    curve = svg.line(points, "curve s{}".format(series), stroke_dasharray=svg.dash(place))
    return Markup("").join([curve] + dots)


def _sized(plot: axes.Plot, searches: Sequence[Search]) -> List[Tuple[Place, int, float]]:
    """(place, seed, radius) of each ticket: those that touch grow, so that all rings show."""
    drawn = sorted(
        (plot.at(*each.distances[-1]), seed)
        for seed, each in searches
        if each.epoch is not None and each.distances
    )
    sized: List[Tuple[Place, int, float]] = []
    for place, seed in drawn:
        near = [size for other, _, size in sized if _touch(place, other)]
        sized.append((place, seed, max(near) + GROWTH if near else RADIUS))
    return sized


def _touch(one: Place, other: Place) -> bool:
    return all(abs(a - b) < TOUCHING for a, b in zip(one, other))


def _tickets(
    plot: axes.Plot, searches: Sequence[Search], series: int, taken: Canvas
) -> Tuple[List[Markup], List[str]]:
    """(a hollow diamond per ticket and words beside them, words that found no place there).

    Tickets that touch share their words.
    """
    sized = _sized(plot, searches)
    heaps: List[Tuple[Place, List[int]]] = []
    for place, seed, _ in sized:
        mine = [heap for heap in heaps if _touch(place, heap[0])]
        if mine:
            mine[0][1].append(seed)
        else:
            heaps.append((place, [seed]))
    parts = [
        svg.tag(
            "path",
            svg.tag("title", "ticket, seed {}".format(seed)),
            d=svg.outline("diamond", x, y, size),
            class_="ticket s{}".format(series),
        )
        for (x, y), seed, size in sized
    ]
    below = []
    for (x, y), seeds in heaps:
        words = "ticket, seed{} {}".format(
            "s" * (len(seeds) > 1), ", ".join(str(seed) for seed in sorted(seeds))
        )
        box = taken.label(x, y, words)
        if box is None:
            below.append("{}: at {:.3g} epochs".format(words, _epochs(plot, x)))
        else:
            parts.append(labels.text(box, words))
    return parts, below


def _epochs(plot: axes.Plot, x: float) -> float:
    """The epochs at a pixel of the axis."""
    scale = plot.x
    return scale.low + (x - scale.start) * (scale.high - scale.low) / (scale.end - scale.start)


def _list(below: List[str], series: int) -> List[Markup]:
    """The tickets whose words found no place beside them."""
    parts = []
    for number, words in enumerate(below):
        y = HEIGHT - 4 + labels.ROW * number
        diamond = svg.outline("diamond", LEFT + 8, y, 5.0)
        parts.append(svg.tag("path", d=diamond, class_="ticket s{}".format(series)))
        parts.append(svg.text(LEFT + 21, y + 4, words, class_="name"))
    return parts
