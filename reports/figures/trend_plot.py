"""One number over the nights: a line, its levels, steps with their commits, points to look at.

What small multiples share are the axes: nights to the right, difference to the level a series
began at upwards. So a step of 5 % looks the same for every method, whatever it costs.
"""

from typing import List, NamedTuple, Tuple

from markupsafe import Markup, escape

from edgejoule.reports.figures import axes, svg

WIDTH, LEFT, RIGHT = 300.0, 40.0, 292.0
TOP, PANEL, BELOW = 12.0, 88.0, 24.0
WORDS, ROW = 100.0, 27.0  # pixels that the words of a step take: across, down
COMMON = 0.97  # share of the nights that set the axes; an outlier is drawn at their edge
RADIUS = 2.6


class Dot(NamedTuple):
    """One night: its place, what it says, where its report is ("" if there is none)."""

    x: int
    y: float
    words: str
    link: str


class Trend(NamedTuple):
    """One method's number over the nights, ready to be drawn; `pieces` share surroundings."""

    name: str
    series: int
    pieces: Tuple[Tuple[Tuple[int, float], ...], ...]
    levels: Tuple[Tuple[int, int, float], ...]  # first night, last night, height
    steps: Tuple[Tuple[int, str, str], ...]  # night, "+5.1 %", "a1b2c3d..e4f5a6b"
    borders: Tuple[Tuple[int, str], ...]  # first night of other surroundings, what changed
    missing: Tuple[Tuple[int, str], ...]  # nights without a value, and why
    dots: Tuple[Dot, ...]


def plot(trends: List[Trend], nights: int, least: float) -> axes.Plot:
    """The axes that hold all trends, outliers apart; at least `least` up and down from 0.

    Above the panel is room for the words of all steps.
    """
    across = axes.Scale(-0.8, nights - 0.2, LEFT, RIGHT)  # room for half a dot at both ends
    top = TOP + ROW * max(len(set(rows(trend, across))) for trend in trends)
    sizes = sorted(abs(y) for trend in trends for piece in trend.pieces for _, y in piece)
    # half as much again as a common night's: an outlier beyond that would flatten all the others
    most = 1.5 * sizes[int(COMMON * (len(sizes) - 1))] if sizes else least
    inside = [
        y
        for trend in trends
        for piece in trend.pieces
        for _, y in piece
        if abs(y) <= max(most, least)
    ]
    heights = inside + [y for trend in trends for _, _, y in trend.levels] + [-least, least]
    return axes.Plot(across, axes.scale(heights, top + PANEL, top, 0.06))


def rows(trend: Trend, across: axes.Scale) -> List[int]:
    """In which row above the panel the words of each step go, so that none cover each other."""
    taken: List[List[Tuple[float, float]]] = []
    chosen = []
    for night, _, _ in trend.steps:
        box = _words(across(night - 0.5))
        free = [
            row
            for row, boxes in enumerate(taken)
            if all(box[1] <= left or right <= box[0] for left, right in boxes)
        ]
        if not free:
            taken.append([])
        chosen.append(free[0] if free else len(taken) - 1)
        taken[chosen[-1]].append(box)
    return chosen


def _words(x: float) -> Tuple[float, float]:
    """From where to where the words of a step at a place reach, in pixels."""
    return (x - WORDS, x) if _ends(x) else (x, x + WORDS)


def _crossed(trend: Trend, across: axes.Scale) -> List[List[int]]:
    """For each step the rows below its own in which its line meets the words of others."""
    chosen = rows(trend, across)
    places = [across(night - 0.5) for night, _, _ in trend.steps]
    return [
        [
            other
            for other, place in zip(chosen, places)
            if other > row and _words(place)[0] < x < _words(place)[1]
        ]
        for row, x in zip(chosen, places)
    ]


def draw(
    identity: str, trend: Trend, shared: axes.Plot, days: List[str], description: str, title: str
) -> Markup:
    """The figure of one method; every dot can be reached with the keyboard."""
    names, height = (identity + "-title", identity + "-text"), shared.y.start + BELOW
    children = [
        svg.tag("title", title, id=names[0]),
        svg.tag("desc", description, id=names[1]),
        axes.frame(shared, [], axes.ticks(shared.y.low, shared.y.high, 4)),
        days_below(shared, days),
        *(
            [border(shared, *each) for each in trend.borders]
            + [
                svg.line([_at(shared, *each) for each in piece], "thread s{}".format(trend.series))
                for piece in trend.pieces
            ]
            + [_level(shared, trend.series, *each) for each in trend.levels]
            + [
                _step(shared, row, skipped, *each)
                for row, skipped, each in zip(
                    rows(trend, shared.x), _crossed(trend, shared.x), trend.steps
                )
            ]
            + [_missing(shared, *each) for each in trend.missing]
            + [_dot(shared, trend.series, dot) for dot in trend.dots]
        ),
    ]
    return svg.tag(
        "svg",
        *children,
        role="group",  # of an image a screen reader would not read the links inside
        aria_labelledby=names[0],
        aria_describedby=names[1],
        viewBox="0 0 {:.0f} {:.0f}".format(WIDTH, height),
        width=WIDTH,
        height=height,
    )


def ticks(days: List[str], count: int = 3) -> List[Tuple[int, str]]:
    """(place, day) of a few nights: the first, the last, and some between."""
    if len(days) <= count:
        return list(enumerate(days))
    places = [round(i * (len(days) - 1) / (count - 1)) for i in range(count)]
    return [(place, days[place]) for place in places]


def days_below(shared: axes.Plot, days: List[str]) -> Markup:
    """The lower axis: a few nights by name."""
    parts, bottom = [], shared.y.start
    chosen = ticks(days)
    for place, day in chosen:
        x = shared.x(place)
        anchor = (
            "middle"
            if len(chosen) == 1 or 0 < place < len(days) - 1
            else "end"
            if place
            else "start"
        )
        parts += [
            svg.tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"),
            svg.text(x + (6 if anchor == "end" else 0), bottom + 17, day, anchor, "tick"),
        ]
    return Markup("").join(parts)


def border(shared: axes.Plot, night: int, words: str) -> Markup:
    """Where the surroundings changed; what changed shows on hovering."""
    x = shared.x(night - 0.5)
    return svg.tag(
        "g", svg.tag("title", words), svg.line([(x, shared.y.start), (x, shared.y.end)], "border")
    )


def _level(shared: axes.Plot, series: int, first: int, last: int, height: float) -> Markup:
    """The median of some nights, a little longer than from the first to the last of them."""
    return svg.line(
        [shared.at(first - 0.4, height), shared.at(last + 0.4, height)], "level s{}".format(series)
    )


def _step(
    shared: axes.Plot, row: int, skipped: List[int], night: int, size: str, commits: str
) -> Markup:
    """A line where the level changed, how much and between which commits above the panel.

    The line leaves out the rows in which it would strike through the words of another step.
    """
    x, y = shared.x(night - 0.5), TOP + 2 + ROW * row
    anchor = "end" if _ends(x) else "start"
    start = x + (-4 if anchor == "end" else 4)
    highest = int((shared.y.end - TOP) // ROW)
    pieces = [(shared.y.start, shared.y.end)] + [
        (TOP - 9 + ROW * (each + 1) + 2, TOP - 7 + ROW * each)
        for each in range(row, highest)
        if each not in skipped
    ]
    return svg.tag(
        "g",
        *(
            [svg.line([(x, low), (x, high)], "step") for low, high in pieces]
            + [
                svg.text(start, y, size, anchor, "size"),
                svg.text(start, y + 12, commits, anchor, "tick"),
            ]
        ),
    )


def _ends(x: float) -> bool:
    """True if words at a place go to its left."""
    return x > (LEFT + RIGHT) / 2


def _at(shared: axes.Plot, x: float, y: float) -> Tuple[float, float]:
    """Pixels of a point; an outlier lies on the edge."""
    return shared.at(x, min(max(y, shared.y.low), shared.y.high))


def _missing(shared: axes.Plot, night: int, words: str) -> Markup:
    """A night without a value: a small cross on the lower edge."""
    x, y = shared.x(night), shared.y.start - 4
    return svg.tag(
        "g",
        svg.tag("title", words),
        svg.tag("path", d=svg.outline("cross", x, y, 3.4), class_="hole"),
    )


def _dot(shared: axes.Plot, series: int, dot: Dot) -> Markup:
    """One night. Formatted here and not by `svg.tag`: a page holds thousands, and that is slow."""
    (x, y), inside = _at(shared, dot.x, dot.y), shared.y.low <= dot.y <= shared.y.high
    shape = (
        '<circle cx="{:.1f}" cy="{:.1f}" r="{}"/>'.format(x, y, RADIUS)
        if inside
        else '<path class="wild" d="{}"/>'.format(
            svg.outline("triangle" if dot.y > shared.y.high else "down", x, y, 4.0)
        )
    )
    words = "<title>{}</title>{}".format(escape(dot.words), shape)
    if dot.link:
        return Markup('<a class="dot s{}" href="{}">{}</a>'.format(series, escape(dot.link), words))
    return Markup(
        '<g class="dot s{}" tabindex="0" role="img" aria-label="{}">{}</g>'.format(
            series, escape(dot.words), words
        )
    )
