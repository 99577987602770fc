"""Joules under sampled power: trapezoids with interpolated edges, gaps, and the sensor's lag.

Pure functions over sequences of seconds and watts; no clock, no device. A window may hold a
day of samples: sums run through `map` and operators, without a Python step per sample.
"""

from bisect import bisect_left, bisect_right
from math import fsum
from operator import add, mul, sub
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

Gaps = Tuple[Tuple[float, float], ...]  # (from, to) in seconds

LONG_GAP_S = 1.0  # a straight line across a longer gap is worse than the window's mean power


class Area(NamedTuple):
    """Energy of one window and what there is to say about it; seconds, watts, joules."""

    joules: float
    start_watts: float
    end_watts: float
    low_watts: float
    peak_watts: float
    samples: int
    gaps: Gaps
    square: float  # sum of squared differences between neighbours, W^2
    step: float  # smallest difference between neighbours that is not 0, W


def cut(
    times: Sequence[float], watts: Sequence[float], start_s: float, end_s: float
) -> Tuple[List[float], List[float]]:
    """Times and watts of the trace inside [start, end], both edges interpolated.

    Beyond the trace's own ends its first or last value is held.
    """
    first, last = bisect_right(times, start_s), bisect_left(times, end_s)
    inner_t, inner_w = list(times[first:last]), list(watts[first:last])
    return (
        [start_s] + inner_t + [end_s],
        [at(times, watts, start_s, first)] + inner_w + [at(times, watts, end_s, last)],
    )


def at(
    times: Sequence[float], watts: Sequence[float], moment_s: float, right: Optional[int] = None
) -> float:
    """Watts at a moment: interpolated between neighbours, held beyond the ends.

    `right` is the place of the first sample that is not before the moment, if it is known.
    """
    right = bisect_left(times, moment_s) if right is None else right
    if right == 0:
        return watts[0]
    if right == len(times):
        return watts[-1]
    span = times[right] - times[right - 1]
    if span <= 0.0:  # a jump: from this moment on it is the later value
        return watts[right]
    part = (moment_s - times[right - 1]) / span
    return watts[right - 1] + part * (watts[right] - watts[right - 1])


def trapezoid(times: Sequence[float], watts: Sequence[float]) -> float:
    """Joules under straight lines through the points."""
    return sum(map(mul, map(sub, times[1:], times), map(add, watts[1:], watts))) / 2


def gaps(
    times: Sequence[float], start_s: float, end_s: float, limit_s: float, edge_s: float
) -> Gaps:
    """Stretches [(from, to)] of the window that no sample vouches for.

    Neighbours further apart than `limit_s`, and more than `edge_s` before the first sample or
    after the last.
    """
    if not len(times):
        return ((start_s, end_s),)
    first, last = bisect_right(times, start_s), bisect_left(times, end_s)
    found = []
    if times[0] - start_s > edge_s:
        found.append((start_s, min(times[0], end_s)))
    early, late = times[max(first - 1, 0) : last], times[max(first, 1) : last + 1]
    if max(map(sub, late, early), default=0.0) > limit_s:
        found += [(max(a, start_s), min(b, end_s)) for a, b in zip(early, late) if b - a > limit_s]
    if end_s - times[-1] > edge_s:
        found.append((max(times[-1], start_s), end_s))
    return tuple((a, b) for a, b in found if b > a)


def length(stretches: Iterable[Tuple[float, float]]) -> float:
    """Seconds of all stretches together."""
    return fsum(b - a for a, b in stretches)


def area(
    times: Sequence[float], watts: Sequence[float], start_s: float, end_s: float, gap_s: float
) -> Area:
    """Energy of the window; gaps longer than `LONG_GAP_S` are filled with its mean power."""
    inside_t, inside_w = cut(times, watts, start_s, end_s)
    # an edge further than a period from a sample has missed the one that was asked for there
    missing = gaps(times, start_s, end_s, gap_s, gap_s / 3)
    joules = trapezoid(inside_t, inside_w)
    long = [(a, b) for a, b in missing if b - a > LONG_GAP_S]
    covered = end_s - start_s - length(long)
    if long and covered > 0.0:
        known = joules - fsum(trapezoid(*cut(times, watts, a, b)) for a, b in long)
        joules = known + known / covered * length(long)
    core = inside_w[1:-1]
    jumps = list(map(sub, core[1:], core))
    return Area(
        joules,
        inside_w[0],
        inside_w[-1],
        min(inside_w),
        max(inside_w),
        len(core),
        missing,
        sum(map(mul, jumps, jumps)),
        min(filter(None, map(abs, jumps)), default=0.0),
    )


def lag_joules(start_watts: float, end_watts: float, lag_s: float) -> float:
    """What a trailing sensor has yet to show at the end, less what it still showed at the start.

    Exact for a first-order sensor of that time constant; for a moving average of length 2 x lag
    it is the first-order term.
    """
    return lag_s * (end_watts - start_watts)
