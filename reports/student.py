"""Student's t distribution for whole degrees of freedom, by its finite sums.

scipy has it too, but a report is made on a laptop or a board that may not have scipy.
"""

import math
from functools import lru_cache

MOST = 400  # degrees of freedom; beyond, the quantiles differ from these by less than 0.3 %


def within(t: float, freedom: int) -> float:
    """The probability that a t variable lies between -t and t (Abramowitz and Stegun 26.7.3-4)."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    term = cosine if freedom % 2 else 1.0
    series = term if freedom > 1 else 0.0
    for k in range(3 if freedom % 2 else 2, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        series += term
    return 2 / math.pi * (angle + sine * series) if freedom % 2 else sine * series


@lru_cache(maxsize=4096)
def quantile(probability: float, freedom: int) -> float:
    """The t below which a probability from 0.5 up lies, by halving; it grows as that nears 1."""
    low, high = 0.0, 1.0
    wanted, freedom = 2 * probability - 1, min(freedom, MOST)
    while within(high, freedom) < wanted:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < wanted else (low, middle)
    return high
