"""Moments of sampling that lock to no load, and what their scatter says of the joules.

A sensor that shows an instant is looked at once in every stratum of one period, and each look
stands for its stratum. Where in the stratum decides everything: always at its beginning (a
grid), and a load that repeats at a simple ratio of the period is always met in the same place;
at random, and ordinary loads are met worse than by a grid. The fractional parts of u + k phi
(phi the golden mean) are even like a grid and lock to few loads, but those few are off by tens
of per cent and nothing shows it. So there are four such sequences, which serve the strata in
turn, each from a random u of its own, and all of them are drawn anew after 30, 100, 200 and then
every 400 looks: a load that locks to one of the draws is outvoted by the rest, and the draws
disagree by as much as they are wrong, which is where the error bar comes from.
"""

import random
from math import sqrt
from typing import List, NamedTuple, Optional, Union

from edgejoule.devices.reading import DeviceInfo

GOLDEN = (sqrt(5.0) - 1.0) / 2.0
SEQUENCES = 4
LENGTHS = (30, 100, 200, 400)  # looks of each sequence from one draw to the next
EDGE = -1  # the sequence of a look that a window's edge asked for, which stands for no time
ROUNDING = 1e-6  # of a period


class Stratum(NamedTuple):
    """One look: where its stratum begins, the moment in it, s; of which sequence; after a draw?"""

    start_s: float
    at_s: float
    sequence: int
    fresh: bool


class Grid:
    """Looks at regular moments: for sensors that average, or are renewed more slowly than read.

    An edge begins the grid anew, so that a window of whole periods is sampled evenly; not where
    the register is `slow`, which shows nothing new at an edge.
    """

    dithered = False

    def __init__(self, period_s: float, slow: bool = False):
        self.period_s, self._slow, self._begun_s = period_s, slow, float("nan")

    def begin(self, moment_s: float) -> None:
        """The grid begins at that moment."""
        if self._begun_s != self._begun_s or not self._slow:
            self._begun_s = moment_s

    def next(self, now_s: float) -> Stratum:
        """The first look after this moment."""
        # a wait may end a rounding error before its tick, which must not be read twice
        ticks = int((now_s - self._begun_s) / self.period_s + ROUNDING) + 1
        moment_s = self._begun_s + ticks * self.period_s
        return Stratum(moment_s, moment_s, EDGE, False)


class Dither:
    """Strata from a moment on; `begin` starts anew, as every edge of a window does."""

    dithered = True

    def __init__(self, period_s: float, dice: Optional[random.Random] = None):
        self.period_s = period_s
        self._dice = dice or random.Random()  # its own: the caller's seed stays untouched
        self.begin(0.0)

    def begin(self, moment_s: float) -> None:
        """The next stratum begins at that moment."""
        self._begun_s, self._number = moment_s, 0
        self._drawn, self._draws = 0, 0  # at which look of a sequence, and how many before
        self._fresh, self._offsets = True, self._draw()

    def next(self, now_s: float) -> Stratum:
        """The next stratum whose moment is not past; those that were missed are left out."""
        self._number = max(self._number, int((now_s - self._begun_s) / self.period_s))
        found = self._stratum()
        self._number += 1
        if found.at_s < now_s:  # the moment in the stratum that runs is over
            found = self._stratum()
            self._number += 1
        self._fresh = False
        return found

    def _stratum(self) -> Stratum:
        look, sequence = divmod(self._number, SEQUENCES)
        if look - self._drawn >= LENGTHS[min(self._draws, len(LENGTHS) - 1)]:
            self._drawn, self._draws = look, self._draws + 1
            self._fresh, self._offsets = True, self._draw()
        part = (self._offsets[sequence] + (look - self._drawn) * GOLDEN) % 1.0
        start_s = self._begun_s + self._number * self.period_s
        return Stratum(start_s, start_s + part * self.period_s, sequence, self._fresh)

    def _draw(self) -> List[float]:
        """A random offset for each sequence, spread so that neighbours overlap by half.

        Wholly independent ones would agree by chance more often, and the bar be too short.
        """
        cells = list(range(SEQUENCES))
        self._dice.shuffle(cells)
        return [(cell + 2.0 * self._dice.random()) / SEQUENCES for cell in cells]


def plan(info: DeviceInfo, period_s: float, dice: Optional[random.Random] = None) -> "Plan":
    """When to look at a sensor: dithered where it shows instants that are new at every look."""
    slow = (info.update_s or 0.0) >= period_s
    if info.sensing == "instant" and not slow:
        return Dither(period_s, dice)
    return Grid(period_s, slow)


def edge(moment_s: float) -> Stratum:
    """The look at a window's edge."""
    return Stratum(moment_s, moment_s, EDGE, True)


Plan = Union[Grid, Dither]
