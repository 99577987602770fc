"""What several runs of one thing say together: mean, spread, and an interval of the mean."""

from math import atan, cos, pi, sin, sqrt
from statistics import mean, stdev
from typing import NamedTuple, Optional, Sequence

SHARE = 0.95  # of the intervals that hold what they are meant to
HALVINGS = 100  # of a bracket, until it is as narrow as a float allows


class Spread(NamedTuple):
    """Mean of n values; standard deviation and 95 % interval of the mean, None of one value."""

    n: int
    mean: float
    sd: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None


def spread(values: Sequence[float]) -> Optional[Spread]:
    """The spread of values that are alike and independent; None without any.

    The interval is Student's, so it is wide for two values and honest for as many.
    """
    if len(values) < 2:
        return Spread(1, values[0]) if values else None
    middle, deviation = mean(values), stdev(values)
    half = student(len(values) - 1) * deviation / sqrt(len(values))
    return Spread(len(values), middle, deviation, middle - half, middle + half)


def student(freedom: int, share: float = SHARE) -> float:
    """The t between whose negative and itself lies that share of Student's distribution."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < share:
        high *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < share else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Share of Student's distribution between -t and t: exact, a finite sum.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term, total = cos(angle) if odd else 1.0, 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cos(angle) ** 2
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
