"""Differences between two methods over seeds: intervals, tests of equality, how many seeds to ask.

Where both were run with the same seeds each seed is one pair, which removes what the seed does to
both; else the two groups are compared as they are (Welch). Intervals are Student's.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.reports import student
from edgejoule.reports.spread import Spread, known, spread

LEVEL = 0.95  # of every interval that is shown
POWER = 0.8  # with the number of seeds named, four of five such studies would tell them apart
MOST_SEEDS = 200  # more than that nobody will run; the sentence says "more than"


class Estimate(NamedTuple):
    """A mean difference: over `n` pairs, or over groups whose smaller one has `n`.

    `error` is its standard error, None where one pair shows no spread.
    """

    n: int
    value: float
    error: Optional[float]
    freedom: int
    paired: bool

    def interval(self, level: float = LEVEL) -> Optional[Tuple[float, float]]:
        """(low, high) that hold the true difference with this probability; None if unknown."""
        if self.error is None:
            return None
        half = student.quantile((1 + level) / 2, self.freedom) * self.error
        return self.value - half, self.value + half

    def differs(self, rivals: int = 1) -> bool:
        """True if it is not 0 at 5 %, shared between so many comparisons (Bonferroni)."""
        ends = self.interval(1 - (1 - LEVEL) / max(rivals, 1))
        return ends is not None and not ends[0] <= 0 <= ends[1]

    def within(self, margin: float) -> bool:
        """True if it lies within +-margin: two one-sided tests at 5 % each (TOST)."""
        ends = self.interval(1 - 2 * (1 - LEVEL))
        return ends is not None and -margin < ends[0] and ends[1] < margin

    def above(self, least: float) -> bool:
        """True if it is above a bound: one one-sided test at 5 %."""
        ends = self.interval(1 - 2 * (1 - LEVEL))
        return ends is not None and ends[0] > least

    def seeds(self, distance: float) -> Optional[int]:
        """Seeds that would tell it from a value so far away, by the spread seen; None if unknown.

        `MOST_SEEDS` + 1 stands for more than that.
        """
        if self.error is None:
            return None
        deviation = self.error * math.sqrt(self.n)
        for n in range(2, MOST_SEEDS + 1):
            reach = student.quantile((1 + LEVEL) / 2, n - 1) + student.quantile(POWER, n - 1)
            if reach * deviation / math.sqrt(n) <= abs(distance):
                return max(n, self.n + 1)
        return MOST_SEEDS + 1


def difference(mine: Dict[int, float], other: Dict[int, float]) -> Optional[Estimate]:
    """Mine minus the other's, both by seed; None if one of them is unknown."""
    shared = sorted(seed for seed in mine if seed in other)
    if len(shared) >= 2 or (shared and len(mine) == len(other) == 1):
        return _pairs([mine[seed] - other[seed] for seed in shared])
    first, second = spread(mine.values()), spread(other.values())
    return _groups(first, second) if first and second else None


def _pairs(values: List[float]) -> Estimate:
    found = spread(known(values))
    assert found is not None
    error = None if found.sd is None else found.sd / math.sqrt(found.n)
    return Estimate(found.n, found.mean, error, found.n - 1, True)


def _groups(mine: Spread, other: Spread) -> Estimate:
    """Welch's comparison of two groups without common seeds."""
    fewest, value = min(mine.n, other.n), mine.mean - other.mean
    if mine.sd is None or other.sd is None:
        return Estimate(fewest, value, None, 0, False)
    parts = [each.sd**2 / each.n for each in (mine, other) if each.sd is not None]
    error = math.sqrt(sum(parts))
    below = sum(part**2 / (n - 1) for part, n in zip(parts, (mine.n, other.n)))
    # rounded down: fewer degrees of freedom make the interval wider, never too narrow
    freedom = int(sum(parts) ** 2 / below) if below else mine.n + other.n - 2
    return Estimate(fewest, value, error, max(freedom, 1), False)
