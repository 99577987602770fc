"""Mean and spread over seeds; ratios to a baseline, seed by seed.

A ratio over seeds is the median of the paired ratios. From three pairs on its interval is a
percentile bootstrap of that median (2000 draws, fixed seed, 95 %). Of fewer pairs a bootstrap says
nothing, and the smallest and largest ratio are given instead.
"""

import math
from functools import lru_cache
from statistics import median_high, median_low
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

DRAWS = 2000
ENOUGH = 3  # pairs for an interval; of two there are three distinct draws


class Spread(NamedTuple):
    """Of `n` values: mean, sample standard deviation (None for one value), extremes."""

    n: int
    mean: float
    sd: Optional[float]
    low: float
    high: float


class Ratio(NamedTuple):
    """Of `n` paired ratios: median, and `low`..`high`, an interval or just the extremes."""

    n: int
    value: float
    low: float
    high: float

    @property
    def is_interval(self) -> bool:
        """True if low..high is a bootstrap interval, False if it is smallest..largest."""
        return self.n >= ENOUGH


def known(values: Iterable[Optional[float]]) -> List[float]:
    """The values that are neither None nor NaN (pandas writes unknown as NaN)."""
    return [value for value in values if value is not None and not math.isnan(value)]


def spread(values: Iterable[Optional[float]]) -> Optional[Spread]:
    """Spread of the known values; None if nothing is known."""
    values = known(values)
    if not values:
        return None
    if min(values) == max(values):  # the mean of equal values is their value, not a rounded sum
        return Spread(len(values), values[0], 0.0 if len(values) > 1 else None, *values[:1] * 2)
    mean = math.fsum(values) / len(values)
    square = math.fsum((value - mean) ** 2 for value in values)
    return Spread(
        len(values), mean, math.sqrt(square / (len(values) - 1)), min(values), max(values)
    )


def ratio(values: Dict[int, float], baseline: Dict[int, float]) -> Optional[Ratio]:
    """Values over baseline, both by seed; None without one seed known on both sides."""
    pairs = [(values[seed], baseline[seed]) for seed in sorted(values) if seed in baseline]
    # a cost of 0 was not measured either: nothing runs for nothing
    ratios = sorted(a / b for a, b in pairs if len(known((a, b))) == 2 and a > 0 and b > 0)
    if not ratios:
        return None
    low, high = interval(ratios) if len(ratios) >= ENOUGH else (ratios[0], ratios[-1])
    return Ratio(len(ratios), geometric_median(ratios), low, high)


def interval(values: Sequence[float]) -> Tuple[float, float]:
    """95 % percentile bootstrap interval of the median of positive values, taken as logs."""
    logs = np.log(np.asarray(sorted(values), dtype=float))
    low, high = _middles(len(logs))
    medians = np.sort((logs[low] + logs[high]) / 2)
    cut = int(0.025 * DRAWS)
    return float(np.exp(medians[cut])), float(np.exp(medians[-cut - 1]))


@lru_cache(maxsize=64)
def _middles(n: int) -> Tuple[np.ndarray, np.ndarray]:
    """Which of `n` sorted values lie in the middle of each draw: two arrays [DRAWS].

    The draws are the same for every set of `n` values, so they are made once.
    """
    # RandomState gives the same numbers in every numpy; the newer generators do not promise that
    draws = np.sort(np.random.RandomState(0).randint(0, n, (DRAWS, n)), axis=1)
    return draws[:, (n - 1) // 2], draws[:, n // 2]


def geometric_median(values: Sequence[float]) -> float:
    """The middle value, or the geometric mean of the two in the middle.

    So the median of ratios a/b is the inverse of that of b/a, whichever side is called dense.
    """
    low, high = median_low(values), median_high(values)
    return low if low == high else math.sqrt(low * high)
