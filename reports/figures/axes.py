"""Axes: round ticks, scales from values to pixels, and the frame of a plot."""

import math
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from edgejoule.reports.figures import svg


class Scale(NamedTuple):
    """Maps values low..high to pixels start..end, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixels of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


class Plot(NamedTuple):
    """A rectangle with two scales; `y.start` is its lower edge, `y.end` its upper one."""

    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> Tuple[float, float]:
        """Pixels of a point."""
        return self.x(x), self.y(y)


def scale(
    values: Iterable[float],
    start: float,
    end: float,
    margin: float = 0.06,
    floor: Optional[float] = None,
) -> Scale:
    """A scale that holds all values, with a margin on both sides; it does not reach below `floor`.

    The margin is a share of what the values span; where they are all equal it cannot be.
    """
    values = list(values)
    low, high = min(values), max(values)
    room = (high - low) * margin or abs(high) * 0.05 or 1.0
    bottom = low - room if floor is None else max(low - room, floor)
    return Scale(bottom, high + room, start, end)


def ticks(low: float, high: float, count: int = 5) -> List[float]:
    """Round values within low..high, about `count` of them."""
    step = _step((high - low) / max(count, 1))
    first = math.ceil(low / step - 1e-9)  # a tick at the very edge must not be lost to rounding
    # rounded, for 3 * 0.1 is 0.30000000000000004
    return [round(step * i, 12) for i in range(first, int(math.floor(high / step + 1e-9)) + 1)]


def at_least(low: float, high: float, least: int) -> List[float]:
    """Round values within low..high, at least so many of them, and as few as that allows."""
    # a small panel asked for three may get one, where the round steps lie badly
    some = (ticks(low, high, count) for count in range(least, 4 * least))
    return next((found for found in some if len(found) >= least), ticks(low, high, 4 * least))


def whole_ticks(low: float, high: float, count: int = 5) -> List[int]:
    """Round whole numbers within low..high."""
    return [int(tick) for tick in ticks(low, high, count) if tick == int(tick)]


def label(tick: float, among: Sequence[float]) -> str:
    """A tick's text, with the decimals that tell the ticks apart."""
    # ticks of a range too narrow for its numbers may fall together
    gaps = [abs(b - a) for a, b in zip(among, among[1:]) if a != b]
    decimals = max(0, -int(math.floor(math.log10(min(gaps)) + 1e-9))) if gaps else 0
    if gaps and round(min(gaps), decimals) != round(min(gaps), 9):
        decimals += 1  # steps of 2.5 and 0.25 need one more than their size says
    return "{:.{}f}".format(tick, decimals)


def frame(
    plot: Plot,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_title: str = "",
    y_title: str = "",
) -> Markup:
    """Grid, tick labels and the titles of both axes."""
    left, right, bottom, top = plot.x.start, plot.x.end, plot.y.start, plot.y.end
    parts = []
    for tick in y_ticks:
        y = plot.y(tick)
        parts += [
            svg.tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"),
            svg.text(left - 6, y + 4, label(tick, y_ticks), "end", "tick"),
        ]
    for tick in x_ticks:
        x = plot.x(tick)
        parts += [
            svg.tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"),
            svg.text(x, bottom + 17, label(tick, x_ticks), "middle", "tick"),
        ]
    parts.append(svg.tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
    if x_title:
        parts.append(svg.text(right, bottom + 34, x_title, "end", "title"))
    if y_title:
        parts.append(svg.text(4.0, top - 10, y_title, "start", "title"))
    return Markup("").join(parts)


def _step(rough: float) -> float:
    """The smallest round step that is not smaller than a rough one."""
    power = 10.0 ** math.floor(math.log10(rough))
    return [power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough * 0.999][0]
