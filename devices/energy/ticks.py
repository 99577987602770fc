"""Joules of a window from a counter that advances in ticks.

A reading between two ticks is old by up to one update; so the counter is placed on the line
between the ticks around each edge. Pure functions over sequences of seconds and joules.
"""

from bisect import bisect_left, bisect_right
from typing import List, NamedTuple, Optional, Sequence, Tuple

Part = Tuple[float, float, float]  # from and to in seconds, mean watts between


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


def spread(ticks: Ticks, start_s: float, end_s: float) -> List[Part]:
    """Parts of the window with known mean power [(from, to, watts)], seconds and watts.

    Before the first tick the first known power is held, after the last one the last: the
    counter will tell them apart only later.
    """
    known = [
        (a, b, w)
        for a, b, w in zip(ticks.times_s, ticks.times_s[1:], powers(ticks))
        if w is not None
    ]
    if not known:
        return []
    first, last = bisect_right(ticks.times_s, start_s), bisect_left(ticks.times_s, end_s)
    # from the tick before the window to the one after it, which the edges lie between
    low, high = ticks.times_s[max(first - 1, 0)], ticks.times_s[min(last, len(ticks.times_s) - 1)]
    parts = [(max(a, start_s), min(b, end_s), w) for a, b, w in known if b > low and a < high]
    parts = [part for part in parts if part[1] > part[0]]
    return _hold(parts, known, start_s, end_s)


def broken(ticks: Ticks, start_s: float, end_s: float) -> Tuple[Tuple[float, float], ...]:
    """Stretches of the window in which the counter was reset."""
    spans = [(ticks.times_s[i - 1], ticks.times_s[i]) for i in ticks.breaks]
    clipped = [(max(a, start_s), min(b, end_s)) for a, b in spans]
    return tuple((a, b) for a, b in clipped if b > a)


def _hold(parts: List[Part], known: List[Part], start_s: float, end_s: float) -> List[Part]:
    """The parts, with the first and the last known power held to the window's edges."""
    if start_s < known[0][0]:
        parts.insert(0, (start_s, min(known[0][0], end_s), known[0][2]))
    if end_s > known[-1][1]:
        parts.append((max(known[-1][1], start_s), end_s, known[-1][2]))
    return parts
