"""Joules under sampled power: trapezoids with interpolated edges, gaps, and the sensor's lag.

Pure functions over sequences of seconds and watts; no clock, no device. A window may hold a
day of samples: sums run through `map` and operators, without a Python step per sample.
"""

from bisect import bisect_left, bisect_right
from math import fsum
from operator import add, mul, sub
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

Stretches = Tuple[Tuple[float, float], ...]  # (from, to) in seconds

LONG_GAP_S = 1.0  # a straight line across a longer gap is worse than the window's mean power


class Gaps(NamedTuple):
    """Stretches that no sample vouches for: how many, seconds in all, the longest, their squares.

    `open` is true if the last of them reaches the window's end.
    """

    number: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0
    squares: float = 0.0  # s^2, summed
    open: bool = False


class Area(NamedTuple):
    """Energy of one window and what there is to say about it; seconds, watts, joules."""

    seconds: float
    known_joules: float  # outside long gaps
    long_s: float  # in long gaps
    start_watts: float
    end_watts: float
    low_watts: float
    peak_watts: float
    samples: int
    gaps: Gaps
    square: float  # sum of squared differences between neighbours, W^2
    bend: float  # sum of squared differences between those differences, W^2
    step: float  # smallest difference between neighbours that is not 0, W

    @property
    def joules(self) -> float:
        """Energy of the window; long gaps have the mean power of the rest."""
        known_s = self.seconds - self.long_s
        return self.known_joules * self.seconds / known_s if known_s > 0.0 else self.known_joules


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


def steps(starts: Sequence[float], watts: Sequence[float], start_s: float, end_s: float) -> float:
    """Joules of a window in which every value holds from its start to the next one's.

    Before the first start the first value is held.
    """
    first, last = max(bisect_right(starts, start_s) - 1, 0), bisect_left(starts, end_s)
    bounds = [start_s] + list(starts[first + 1 : last]) + [end_s]
    return sum(map(mul, map(sub, bounds[1:], bounds), watts[first : max(last, first + 1)]))


def weights(
    times: Sequence[float], start_s: float, end_s: float, stepped: bool
) -> Tuple[int, List[float]]:
    """(place, [n]): seconds by which to multiply the values from that place on for the joules.

    The same as `steps` from those starts, or as `trapezoid` of the `cut`, for many columns at
    once.
    """
    first, last = bisect_right(times, start_s), bisect_left(times, end_s)
    bounds = [start_s] + list(times[first:last]) + [end_s]
    spans = list(map(sub, bounds[1:], bounds))
    if stepped:
        return max(first - 1, 0), spans if first else [sum(spans[:2])] + spans[2:]
    halves = [span / 2 for span in spans]
    found = [0.0] + list(map(add, halves[1:], halves)) + [0.0]  # also the neighbours outside
    for moment_s, right, half in ((start_s, first, halves[0]), (end_s, last, halves[-1])):
        left, right = max(right - 1, 0), min(right, len(times) - 1)
        span = times[right] - times[left]
        part = (moment_s - times[left]) / span if span > 0.0 else 1.0
        found[left - first + 1] += half * (1.0 - part)
        found[right - first + 1] += half * part
    return max(first - 1, 0), found if first else found[1:]


def gaps(
    times: Sequence[float], start_s: float, end_s: float, limit_s: float, edge_s: float
) -> Stretches:
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


def summed(stretches: Stretches, end_s: float) -> Gaps:
    """What there is to say of stretches in a window that ends then."""
    spans = [b - a for a, b in stretches]
    return Gaps(
        len(spans),
        fsum(spans),
        max(spans, default=0.0),
        fsum(span * span for span in spans),
        any(b >= end_s for _, b in stretches),
    )


def area(
    times: Sequence[float],
    watts: Sequence[float],
    start_s: float,
    end_s: float,
    gap_s: float,
    starts: Optional[Sequence[float]] = None,
) -> Area:
    """Energy of the window; gaps longer than `LONG_GAP_S` are filled with its mean power.

    With `starts` [n] every sample stands for the time from its start to the next one's;
    without, power runs in straight lines from sample to sample.
    """
    inside_t, inside_w = cut(times, watts, start_s, end_s)
    # an edge further than a period from a sample has missed the one that was asked for there
    missing = gaps(times, start_s, end_s, gap_s, gap_s / 3)
    long = [(a, b) for a, b in missing if b - a > LONG_GAP_S]

    def joules(a: float, b: float) -> float:
        if starts is not None:
            return steps(starts, watts, a, b)
        return trapezoid(*cut(times, watts, a, b))

    core = inside_w[1:-1]
    jumps = list(map(sub, core[1:], core))
    bends = list(map(sub, jumps[1:], jumps))
    return Area(
        end_s - start_s,
        joules(start_s, end_s) - fsum(joules(a, b) for a, b in long),
        length(long),
        inside_w[0],
        inside_w[-1],
        min(inside_w),
        max(inside_w),
        len(core),
        summed(missing, end_s),
        sum(map(mul, jumps, jumps)),
        sum(map(mul, bends, bends)),
        min(filter(None, map(abs, jumps)), default=0.0),
    )


def joined(areas: Sequence[Area], shared: int = 0) -> Area:
    """The area of windows that follow each other; `shared` samples lie on their borders."""
    first, last = areas[0], areas[-1]
    return Area(
        fsum(a.seconds for a in areas),
        fsum(a.known_joules for a in areas),
        fsum(a.long_s for a in areas),
        first.start_watts,
        last.end_watts,
        min(a.low_watts for a in areas),
        max(a.peak_watts for a in areas),
        sum(a.samples for a in areas) + shared,
        _all_gaps([a.gaps for a in areas]),
        fsum(a.square for a in areas),
        fsum(a.bend for a in areas),
        min((a.step for a in areas if a.step), default=0.0),
    )


def _all_gaps(found: Sequence[Gaps]) -> Gaps:
    return Gaps(
        sum(gaps.number for gaps in found),
        fsum(gaps.seconds for gaps in found),
        max(gaps.longest_s for gaps in found),
        fsum(gaps.squares for gaps in found),
        found[-1].open,
    )


def lag_joules(start_watts: float, end_watts: float, lag_s: float) -> float:
    """What a trailing sensor has yet to show at the end, less what it still showed at the start.

    Exact for a first-order sensor of that time constant; for a moving average of length 2 x lag
    it is the first-order term.
    """
    return lag_s * (end_watts - start_watts)
