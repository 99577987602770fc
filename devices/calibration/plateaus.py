"""Two traces of one staircase, cut into the calm part of every step and the edges between them.

A sensor needs a while to follow a step. So of each step's length the first 55 % and the last
10 % belong to the edges, where a trace may be early or late, and what is between is calm.
"""

from bisect import bisect_left, bisect_right
from typing import List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.calibration import straight
from edgejoule.devices.energy import integrate
from edgejoule.devices.trace import PowerTrace

AFTER, BEFORE = 0.55, 0.1  # of a step, that belong to the edges at its begin and its end
GAP_PERIODS = 4.0  # a stretch without samples that is no scheduler's pause
FEWEST = 4  # samples in a calm part, or its mean is an accident
# A value far off the others of its calm part is a misread if it is a rare one; if it is not, it
# is the load's own shape (busy and idle in turns) and belongs to the mean.
STRAY_SD, STRAY_SHARE, STRAY_RATIO = 6.0, 0.06, 0.1
OVERSHOOT = 0.5  # of a step; beyond it a value on an edge is a misread too

Step = Tuple[float, float]  # (moment in seconds, share of full load)


class Calm(NamedTuple):
    """The calm part of one step: when, the share of full load, mean watts by either trace."""

    start_s: float
    end_s: float
    share: float
    reference: float
    sensor: float


class Edge(NamedTuple):
    """The way from one calm part to the next: when, how high, by how much the sensor trails."""

    at_s: float
    step_watts: float  # by the reference
    lag_s: float


class Series:
    """A trace with what is asked of it again and again; `period_s` is infinite if it is empty."""

    def __init__(self, trace: PowerTrace):
        self.times, self.watts = trace.times_s, trace.watts
        apart = [late - early for early, late in zip(self.times, self.times[1:]) if late > early]
        self.period_s = straight.median(apart) if apart else float("inf")

    def covers(self, start_s: float, end_s: float) -> bool:
        """True if there are samples all through a stretch."""
        first = max(bisect_right(self.times, start_s) - 1, 0)
        times = self.times[first : bisect_left(self.times, end_s) + 1]
        if len(times) < 2 or times[0] > start_s or times[-1] < end_s:
            return False
        longest = max(late - early for early, late in zip(times, times[1:]))
        return longest <= GAP_PERIODS * self.period_s

    def level(self, start_s: float, end_s: float) -> Optional[float]:
        """Mean watts of a calm stretch without its rare misreads; None if it is not covered."""
        if not self.covers(start_s, end_s):
            return None
        first, last = bisect_left(self.times, start_s), bisect_right(self.times, end_s)
        watts = self.watts[first:last]
        if len(watts) < FEWEST:
            return None
        good = _sound(watts)
        return self._joules(first, last, good, start_s, end_s) / (end_s - start_s)

    def share(self, start_s: float, end_s: float, low: float, high: float) -> Optional[float]:
        """Seconds of the step from `low` to `high` watts that a stretch has seen; None if not."""
        if low == high or not self.covers(start_s, end_s):
            return None
        first, last = bisect_left(self.times, start_s), bisect_right(self.times, end_s)
        middle, reach = (low + high) / 2, (0.5 + OVERSHOOT) * abs(high - low)
        good = [abs(each - middle) <= reach for each in self.watts[first:last]]
        joules = self._joules(first, last, good, start_s, end_s)
        return (joules - low * (end_s - start_s)) / (high - low)

    def _joules(
        self, first: int, last: int, good: Sequence[bool], start_s: float, end_s: float
    ) -> float:
        """Energy of [start, end] by the good ones of the samples [first, last) inside it."""
        times = [t for t, is_good in zip(self.times[first:last], good) if is_good]
        watts = [w for w, is_good in zip(self.watts[first:last], good) if is_good]
        if not times:
            return integrate.trapezoid(*integrate.cut(self.times, self.watts, start_s, end_s))
        return integrate.trapezoid([start_s] + times + [end_s], watts[:1] + watts + watts[-1:])


def calm(
    reference: Series, sensor: Series, steps: Sequence[Step], end_s: float
) -> List[Optional[Calm]]:
    """What both traces say of every step [n]; None where one of them has too few samples."""
    moments = [moment for moment, _ in steps] + [end_s]
    found: List[Optional[Calm]] = []
    for (start, share), end in zip(steps, moments[1:]):
        begins, ends = start + AFTER * (end - start), end - BEFORE * (end - start)
        first, second = reference.level(begins, ends), sensor.level(begins, ends)
        if first is None or second is None:
            found.append(None)
        else:
            found.append(Calm(begins, ends, share, first, second))
    return found


def edges(reference: Series, sensor: Series, calms: Sequence[Optional[Calm]]) -> List[Edge]:
    """Every edge between two calm parts that both traces cover.

    Each trace is scaled so that the step goes from 0 to 1. The area between the two is the
    sensor's mean delay, whatever its response: the time constant of a first-order one.
    """
    found = []
    for early, late in zip(calms, calms[1:]):
        if early is None or late is None:
            continue
        span = (early.end_s, late.start_s)
        first = reference.share(span[0], span[1], early.reference, late.reference)
        second = sensor.share(span[0], span[1], early.sensor, late.sensor)
        if first is not None and second is not None:
            step = late.reference - early.reference
            found.append(Edge(sum(span) / 2, step, first - second))
    return found


def _sound(watts: Sequence[float]) -> List[bool]:
    """Which values [n] are no misreads."""
    middle = straight.median(watts)
    off = [abs(each - middle) for each in watts]
    limit = max(STRAY_SD * straight.MAD_SD * straight.median(off), STRAY_RATIO * abs(middle))
    good = [each <= limit for each in off]
    return good if good.count(False) <= max(1, STRAY_SHARE * len(watts)) else [True] * len(watts)
