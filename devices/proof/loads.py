"""Two-level loads with exactly known joules, in two seeded sets: any period, and locked ones.

A fixed sampling grid locks to a load whose period is near a simple ratio of its own, and a
golden dither to one near the golden mean's multiples. The set "locked" is made of just these.
"""

from array import array
from bisect import bisect_right
from math import exp, log
from random import Random
from typing import Callable, Dict, Sequence

from edgejoule.devices.proof.synthetic import Sensor

LOW_W, HIGH_W = 4.0, 12.0
START_S = 10.0  # of the window; not 0, which stands for "never" where moments are kept
MARGIN_S = 5.0  # of load before and after it: samplers and other tools look beyond
SHORTEST_S, LONGEST_S = 0.010, 2.0  # of a locked load's period
PHI = (5**0.5 - 1) / 2
# Sampling at (k + frac(k phi)) T sees these multiples of T nearly standing still.
GOLDEN = (PHI, 1 + PHI, 1 - PHI, 2 * PHI, PHI / 2, 1 / (2 + PHI), 2 + PHI, 1 + 2 * PHI, PHI**3)
RATIONAL_SHARE, LARGEST_TERM = 0.6, 8
OFF_RATIO = (0.0, 1e-4, -1e-4, 1e-3, -1e-3, 3e-3)  # relative; a real load is never quite at it


class Load(Sensor):
    """High power from each start to the end that belongs to it, low power between; seconds.

    Before the first start and after the last end it is low.
    """

    def __init__(self, starts: Sequence[float], ends: Sequence[float]):
        self.edges, self.high_s = array("d"), array("d", [0.0])
        for start, end in zip(starts, ends):
            self.edges.extend((start, end))
            self.high_s.extend((self.high_s[-1], self.high_s[-1] + end - start))

    def watts(self, t: float) -> float:
        """Watts at a moment."""
        return HIGH_W if bisect_right(self.edges, t) % 2 else LOW_W

    def joules(self, t: float) -> float:
        """Joules from moment 0 to a moment, exact."""
        passed = bisect_right(self.edges, t)
        high_s = self.high_s[passed] + (t - self.edges[passed - 1] if passed % 2 else 0.0)
        return LOW_W * t + (HIGH_W - LOW_W) * high_s


def cycles(dice: Random, period_s: float, duty: float, jitter: float, seconds: float) -> Load:
    """A load round a window from `START_S` that lasts `seconds`; its own phase is random.

    Every cycle's length errs on its own by a normally distributed share of the period.
    """
    t = START_S - MARGIN_S - dice.random() * period_s
    starts, ends = array("d"), array("d")
    while t < START_S + seconds + MARGIN_S:
        length = period_s * max(1 + jitter * dice.gauss(0.0, 1.0), 0.1)
        starts.append(t)
        ends.append(t + duty * length)
        t += length
    return Load(starts, ends)


def any_load(dice: Random, sampling_s: float, seconds: float) -> Load:
    """A load of any period from 15 ms to 2 s; how it is sampled does not matter to it."""
    period_s = _log_uniform(dice, 0.015, 2.0)
    return cycles(dice, period_s, dice.uniform(0.2, 0.9), _log_uniform(dice, 1e-4, 0.03), seconds)


def locked_load(dice: Random, sampling_s: float, seconds: float) -> Load:
    """A load whose period is at or near a ratio of the sampling period that may lock to it."""
    if dice.random() < RATIONAL_SHARE:
        ratio = dice.randint(1, LARGEST_TERM) / dice.randint(1, LARGEST_TERM)
    else:
        ratio = dice.choice(GOLDEN)
    period_s = sampling_s * ratio * (1 + dice.choice(OFF_RATIO))
    period_s = min(max(period_s, SHORTEST_S), LONGEST_S)
    duty = dice.uniform(0.2, 0.9)
    return cycles(dice, period_s, duty, dice.choice((0.0, dice.uniform(0.0, 0.003))), seconds)


# (dice, sampling period in s, window in s) -> load
SETS: Dict[str, Callable[[Random, float, float], Load]] = {
    "any": any_load,
    "locked": locked_load,
}


def _log_uniform(dice: Random, low: float, high: float) -> float:
    return exp(dice.uniform(log(low), log(high)))
