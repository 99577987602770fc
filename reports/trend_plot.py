"""One number over the nights: a line, its levels, steps with their commits, points to look at.

What small multiples share are the axes: nights to the right, difference to the level a series
began at upwards. So a step of 5 % looks the same for every method, whatever it costs.
"""
from typing import List, NamedTuple, Tuple

from markupsafe import Markup, escape

from reports import axes, svg

WIDTH, HEIGHT = 300.0, 152.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 292.0, 40.0, 128.0
SPARE = 30.0  # pixels above the panel that only the words of a step need
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
    holes: Tuple[Tuple[int, str], ...]  # nights without a value, and why
    dots: Tuple[Dot, ...]


def plot(trends: List[Trend], nights: int, least: float) -> axes.Plot:
    """The axes that hold all trends; at least `least` up and down from 0."""
    heights = [y for trend in trends for piece in trend.pieces for _, y in piece]
    return axes.Plot(
        axes.Scale(-0.8, nights - 0.2, LEFT, RIGHT),
        axes.scale(heights + [-least, least], BOTTOM, TOP, 0.06))


def draw(identity: str, trend: Trend, shared: axes.Plot, days: List[str], description: str,
         title: str, crop: bool = False) -> Markup:
    """The figure of one method; every dot can be reached with the keyboard.

    `crop` takes away the room above the panel where no figure of a metric has a step.
    """
    top = SPARE if crop else 0.0
    names = (identity + "-title", identity + "-text")
    children = [
        svg.tag("title", title, id=names[0]), svg.tag("desc", description, id=names[1]),
        axes.frame(shared, [], axes.ticks(shared.y.low, shared.y.high, 4)),
        days_below(shared, days),
        *([border(shared, *each) for each in trend.borders]
          + [svg.line([shared.at(*each) for each in piece], "thread s{}".format(trend.series))
             for piece in trend.pieces]
          + [_level(shared, trend.series, *each) for each in trend.levels]
          + [_step(shared, place, *each) for place, each in enumerate(trend.steps)]
          + [_hole(shared, *each) for each in trend.holes]
          + [_dot(shared, trend.series, dot) for dot in trend.dots])]
    return svg.tag("svg", *children, role="group", aria_labelledby=names[0],
                   aria_describedby=names[1],
                   viewBox="0 {:.0f} {:.0f} {:.0f}".format(top, WIDTH, HEIGHT - top),
                   width=WIDTH, height=HEIGHT - top)


def ticks(days: List[str], count: int = 3) -> List[Tuple[int, str]]:
    """(place, day) of a few nights: the first, the last, and some between."""
    if len(days) <= count:
        return list(enumerate(days))
    places = [round(i * (len(days) - 1) / (count - 1)) for i in range(count)]
    return [(place, days[place]) for place in places]


def days_below(shared, days) -> Markup:
    """The lower axis: a few nights by name."""
    parts, bottom = [], shared.y.start
    chosen = ticks(days)
    for place, day in chosen:
        x = shared.x(place)
        anchor = "middle" if len(chosen) == 1 or 0 < place < len(days) - 1 else \
            "end" if place else "start"
        parts += [svg.tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"),
                  svg.text(x + (6 if anchor == "end" else 0), bottom + 17, day, anchor, "tick")]
    return Markup("").join(parts)


def border(shared, night, words) -> Markup:
    """Where the surroundings changed; what changed shows on hovering."""
    x = shared.x(night - 0.5)
    return svg.tag("g", svg.tag("title", words),
                   svg.line([(x, shared.y.start), (x, shared.y.end)], "border"))


def _level(shared, series, first, last, height) -> Markup:
    return svg.line([shared.at(first - 0.4, height), shared.at(last + 0.4, height)],
                    "level s{}".format(series))


def _step(shared, place, night, size, commits) -> Markup:
    """A line where the level changed, how much and between which commits above the panel."""
    x, first = shared.x(night - 0.5), TOP - 24
    end = x > (LEFT + RIGHT) / 2
    return svg.tag(
        "g", svg.line([(x, BOTTOM), (x, first - 8)], "step"),
        svg.text(x + (-4 if end else 4), first, size, "end" if end else "start", "size"),
        svg.text(x + (-4 if end else 4), first + 13, commits, "end" if end else "start", "tick"),
        class_="at" if place == 0 else "at more")


def _hole(shared, night, words) -> Markup:
    """A night without a value: a small cross on the lower edge."""
    x, y = shared.x(night), shared.y.start - 4
    return svg.tag("g", svg.tag("title", words), svg.tag("path", d=svg.outline("cross", x, y, 3.4),
                                                         class_="hole"))


def _dot(shared, series, dot: Dot) -> Markup:
    """One night; written in one go, for there are thousands."""
    x, y = shared.at(dot.x, dot.y)
    inside = '<title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="{}"/>'.format(
        escape(dot.words), x, y, RADIUS)
    if dot.link:
        return Markup('<a class="dot s{}" href="{}">{}</a>'.format(
            series, escape(dot.link), inside))
    return Markup('<g class="dot s{}" tabindex="0" role="img" aria-label="{}">{}</g>'.format(
        series, escape(dot.words), inside))
