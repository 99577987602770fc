"""At how many phases of a periodic load its power was met, as far as the values themselves tell.

A load in step with the sensor is met at one phase, or at a few in turn, however long it is
watched; the values then come back to what they were and stay in step. One that drifts against
the sensor is met at ever new phases, and its values forget what they were.
"""

from operator import mul
from typing import List, NamedTuple, Sequence

LONGEST = 600  # values looked at, a minute of a GPU's; the rest goes on in the same way
FORGOTTEN = 0.5  # correlation below which a value no longer tells the other
IN_STEP = 0.7  # correlation at long distances above which values come back and stay in step
AS_GOOD = 0.02  # of correlation: a return that close to the best is one
WINDOW = 5.0  # times the length of the memory: where the sum over correlations ends (Sokal)


class Phases(NamedTuple):
    """How many `independent` values there are, and how many `distinct` phases were met."""

    independent: float
    distinct: float


def met(values: Sequence[float]) -> Phases:
    """What values [n], one for each update, tell of the phases at which they were taken."""
    found = _correlations(values[:LONGEST])
    if not found:
        return Phases(1.0, 1.0)
    independent = max(len(values) / _memory(found), 1.0)
    start = next((k for k, each in enumerate(found) if each < FORGOTTEN), None)
    if start is None:  # as slow as the whole of it
        return Phases(independent, 1.0)
    far = max(start, len(found) // 2)
    if max(found[far:]) < IN_STEP:
        return Phases(independent, independent)
    best = max(found[start:])
    round_trip = next(k for k in range(start, len(found)) if found[k] >= best - AS_GOOD)
    # of whole rounds the mean is that of the phases; only a part of the last one is in excess
    return Phases(max(independent, (len(values) / round_trip) ** 2), float(round_trip))


def _correlations(values: Sequence[float]) -> List[float]:
    """Of values with those k later, for k from 0 to half their number; [] if none differ."""
    if not values:
        return []
    mean = sum(values) / len(values)
    off = [value - mean for value in values]
    variance = sum(map(mul, off, off)) / len(off)
    if variance <= 0.0:
        return []
    return [
        sum(map(mul, off[k:], off)) / (len(off) - k) / variance for k in range(len(off) // 2 + 1)
    ]


def _memory(correlations: Sequence[float]) -> float:
    """How many values in a row tell as much as one, at least 1."""
    total = longest = 1.0
    for k, each in enumerate(correlations[1:], 1):
        total += 2 * each
        longest = max(longest, total)
        if k >= WINDOW * longest:
            break
    return longest
