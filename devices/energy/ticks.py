"""Joules of a window from a counter that advances in ticks.

A reading between two ticks is old by up to one update; so the counter is placed on the line
between the ticks around each edge. Pure functions over sequences of seconds and joules.
"""

from bisect import bisect_left
from operator import mul
from typing import List, NamedTuple, Optional, Sequence, Tuple


class Ticks(NamedTuple):
    """Moments [n] at which the counter moved, its value then [n], and where it was reset.

    `breaks` holds positions i: what the counter did between tick i - 1 and tick i is unknown.
    """

    times_s: List[float]
    joules: List[float]
    breaks: Tuple[int, ...]


def find(times: Sequence[float], joules: Sequence[float], update_s: float = 0.0) -> Ticks:
    """The ticks in samples of a counter [n], joules; a step back begins a new count.

    The counter moved after the last look at the old value and at most one update before the
    first look at the new one: the middle of what is left is unbiased.
    """
    moments: List[float] = []
    values: List[float] = []
    breaks: List[int] = []
    for i, value in enumerate(joules):
        if not values:
            moments, values = [times[i]], [value]
        elif value != joules[i - 1]:
            if value < joules[i - 1]:
                breaks.append(len(values))
            moments.append(times[i] - min(times[i] - times[i - 1], update_s) / 2)
            values.append(value)
    # read more often than it is renewed, it may have stood for a while when it was first seen
    stale = len(moments) > 2 and update_s > times[1] - times[0]
    return (
        _without_first(moments, values, breaks) if stale else Ticks(moments, values, tuple(breaks))
    )


def _without_first(moments: List[float], values: List[float], breaks: List[int]) -> Ticks:
    """The ticks but for the first look, whose value may be up to an update old."""
    return Ticks(moments[1:], values[1:], tuple(i - 1 for i in breaks if i > 1))


def update_s(ticks: Ticks) -> Optional[float]:
    """Median seconds between ticks; None with fewer than three."""
    spans = sorted(late - early for early, late in zip(ticks.times_s, ticks.times_s[1:]))
    return spans[len(spans) // 2] if len(spans) > 1 else None


def powers(ticks: Ticks) -> List[Optional[float]]:
    """Mean watts [n - 1] between neighbouring ticks; None across a break."""
    pairs = range(1, len(ticks.times_s))
    return [
        None
        if i in ticks.breaks
        else (ticks.joules[i] - ticks.joules[i - 1]) / (ticks.times_s[i] - ticks.times_s[i - 1])
        for i in pairs
    ]


class Powers(NamedTuple):
    """Mean powers between ticks: the lowest and highest, how many, their sum and of squares; W."""

    low_watts: float
    peak_watts: float
    number: int
    total: float
    square: float

    @property
    def variance(self) -> float:
        """By how much power differs from tick to tick, W^2."""
        mean = self.total / max(self.number, 1)
        return max(self.square / max(self.number, 1) - mean**2, 0.0)


NO_POWERS = Powers(float("inf"), 0.0, 0, 0.0, 0.0)


class Edge(NamedTuple):
    """A counter at a moment, J, and the nearest ticks that vouch for it, s (None without one)."""

    joules: float
    early_s: Optional[float]
    late_s: Optional[float]


def powers_between(found: Ticks, start_s: float, end_s: float) -> Powers:
    """The mean powers of the ticks inside a window."""
    watts = [
        power
        for early, late, power in zip(found.times_s, found.times_s[1:], powers(found))
        if power is not None and early >= start_s and late <= end_s
    ]
    if not watts:
        return NO_POWERS
    squares = sum(map(mul, watts, watts))
    return Powers(min(watts), max(watts), len(watts), sum(watts), squares)


def all_powers(parts: Sequence[Powers]) -> Powers:
    """Of windows that follow each other."""
    return Powers(
        min(part.low_watts for part in parts),
        max(part.peak_watts for part in parts),
        sum(part.number for part in parts),
        sum(part.total for part in parts),
        sum(part.square for part in parts),
    )


def edge(found: Ticks, moment_s: float) -> Optional[Edge]:
    """The counter at a moment, on the line between the ticks around it.

    Beyond the first or the last tick the nearest known power is held: the counter will tell
    them apart only later. None with fewer than two ticks.
    """
    times = found.times_s
    if len(times) < 2:
        return None
    right = bisect_left(times, moment_s)
    place = min(max(right, 1), len(times) - 1)
    slope = powers(found)[place - 1] or 0.0
    return Edge(
        found.joules[place] + slope * (moment_s - times[place]),
        times[right - 1] if right else None,
        times[right] if right < len(times) else None,
    )
