"""Is the new one dearer than the old one? Ratios of medians with a bootstrap interval; numpy only.

The statistic is the median of log(after / before) over pairs measured side by side, its interval
the percentiles of 2000 bootstrap medians (fixed seed: the same samples give the same verdict).
The percentiles are Student's, not the normal ones: of eight pairs the plain bootstrap interval
leaves out the truth in more than 6 % of trials on a drifting machine, this one in about 4 %
(tests/bench/test_pairs.py; `edgejoule gate --simulate`). Hesterberg (2015) widens it further, with
n - 1 degrees of freedom and a factor sqrt(n / (n - 1)), for the mean; for the median n degrees do.

Whatever the verdict, `mde` says what could have been seen: the smallest true effect that nine of
ten such comparisons would call different.
"""

import functools
import math
from typing import NamedTuple, Optional, Sequence

import numpy as np

LEAST = 6  # pairs: five heads in a row are not rare enough (1 in 16, both ways)
TWO_SIDED_5 = 1.959964  # standard deviations
POWER_90 = 1.281552  # standard deviations that nine of ten normal draws stay above

Values = Sequence[Optional[float]]  # None: it was not measured


class Ratio(NamedTuple):
    """after / before: 1.05 is 5 % more. None where it cannot be known from so few."""

    median: Optional[float]
    low: Optional[float]  # of the 95 % interval
    high: Optional[float]
    n: int  # pairs, or the smaller of two samples
    mde: Optional[float]  # minimal detectable effect, a fraction: 0.02 is 2 %


def paired(before: Values, after: Values, draws: int = 2000, seed: int = 0) -> Ratio:
    """The ratio of two equally long samples whose i-th members were measured side by side.

    Pairs of which a side is unknown (None) or not above 0 are left out.

    Raises:
        ValueError: the samples are not equally long.
    """
    if len(before) != len(after):
        raise ValueError(
            "{} values before and {} after make no pairs".format(len(before), len(after))
        )
    logs = np.array([math.log(b / a) for a, b in zip(before, after) if a and b and a > 0 and b > 0])
    if len(logs) == 0:
        return Ratio(None, None, None, 0, None)
    return _ratio(float(np.median(logs)), bootstrap_medians(logs, draws, seed), len(logs))


def unpaired(before: Values, after: Values, draws: int = 2000, seed: int = 0) -> Ratio:
    """The ratio of the medians of two samples that have nothing to do with each other."""
    old = np.log([value for value in before if value and value > 0])
    new = np.log([value for value in after if value and value > 0])
    count = min(len(old), len(new))
    if count == 0:
        return Ratio(None, None, None, 0, None)
    # another seed for one side: with the same draws on both, equal samples would never differ
    medians = bootstrap_medians(new, draws, seed + 1) - bootstrap_medians(old, draws, seed)
    return _ratio(float(np.median(new) - np.median(old)), medians, count)


def bootstrap_medians(logs: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Medians [draws] of samples drawn from `logs` [n] with replacement, n each."""
    return np.median(logs[_places(len(logs), draws, seed)], axis=1)


def verdict(ratio: Ratio, floor: float) -> str:
    """The verdict on a ratio that should not exceed 1 by more than the floor, a fraction.

    "FAIL": surely more, and by more than the floor. "PASS": a rise of the floor would have been
    seen, or the whole interval lies below it. "INCONCLUSIVE": neither can be said. What got less
    passes; it is an improvement if `ratio.high` < 1.
    """
    median, low, high, n, mde = ratio
    if median is None or low is None or high is None or mde is None or n < LEAST:
        return "INCONCLUSIVE"
    if low > 1 and median > 1 + floor:
        return "FAIL"
    if mde <= floor or high <= 1 + floor:
        return "PASS"
    return "INCONCLUSIVE"


def minimal_detectable_effect(low: float, high: float, n: int) -> float:
    """The effect seen in 9 of 10 comparisons whose interval of a log ratio is this wide."""
    return math.expm1((high - low) / 2 * (1 + POWER_90 / student(n)))


def student(freedom: int) -> float:
    """Student's two-sided 5 % point (Cornish and Fisher's expansion; within 1 % from 4 on)."""
    z = TWO_SIDED_5
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / max(freedom, 1) ** power for power, term in enumerate(terms))


def _ratio(median: float, medians: np.ndarray, n: int) -> Ratio:
    """The ratio whose logarithm has this median and these bootstrap medians [draws]."""
    if n < 2:
        return Ratio(math.exp(median), None, None, n, None)
    tail = 50 * math.erfc(student(n) / math.sqrt(2))  # percent
    low, high = np.percentile(medians, [tail, 100 - tail])
    return Ratio(
        math.exp(median), math.exp(low), math.exp(high), n, minimal_detectable_effect(low, high, n)
    )


@functools.lru_cache(maxsize=16)  # a night asks for the same few sizes again and again
def _places(n: int, draws: int, seed: int) -> np.ndarray:
    """[draws, n] places drawn with replacement.

    Of RandomState, whose stream numpy promises not to change: the verdict on stored numbers must
    be the same on every machine and for ever.
    """
    return np.random.RandomState(seed).randint(0, n, (draws, n))
