"""When a sensor renews its value, from a record of reads that were closer together than that.

A value that is renewed every `update_s` changes at moments of one lattice, `phase + k update`.
Each change is known to the spacing of the reads only, the lattice of a hundred of them to a
hundredth of that.
"""

from bisect import bisect_left
from math import sqrt
from typing import List, NamedTuple, Optional, Sequence, Tuple

FEWEST = 8  # changes without which a lattice says nothing
LATE_READ = 2.0  # times the usual spacing: a change found by such a read is of no known moment
SAME_STEP = 1.5  # times the shortest steps: longer ones hold renewals that changed nothing
TIGHT = 0.15  # of the update: changes at random moments are 0.29 of it off any lattice
EACH_READ = 0.5  # share of reads that found a new value, above which each read makes its own
ROUNDS = 3  # of fitting: after each the numbers of the changes are counted again
MOST = 400  # renewals kept: more make a fit slower and hardly better


class Interval(NamedTuple):
    """A value and the 95 % interval it was found with."""

    value: float
    low: float
    high: float


class Renewals(NamedTuple):
    """What the sensor showed [n], watts, from moments [n], s, on; `moments` are in order.

    `update_s` is None if no lattice was found: the moments are then those of reads. `spacing_s`
    is the usual time between two reads.
    """

    moments: List[float]
    watts: List[float]
    update_s: Optional[Interval]
    spacing_s: float


def find(times: Sequence[float], watts: Sequence[float]) -> Renewals:
    """The renewals in a record of reads [n]: seconds in order, watts."""
    steps = sorted(b - a for a, b in zip(times, times[1:]))
    spacing = steps[len(steps) // 2] if steps else 0.0
    changes = _changes(times, watts, LATE_READ * spacing)
    if len(changes) < FEWEST or len(changes) > EACH_READ * len(times):
        return _thinned(Renewals(list(times), list(watts), None, spacing))
    fitted = _lattice(changes, spacing)
    if fitted is None:
        return _thinned(Renewals(list(times), list(watts), None, spacing))
    return _thinned(_on(fitted[0], fitted[1], times, watts, spacing))


def _changes(times: Sequence[float], watts: Sequence[float], longest_s: float) -> List[float]:
    """The middles of the spacings in which the value became another, s."""
    return [
        (times[i - 1] + times[i]) / 2
        for i in range(1, len(times))
        if watts[i] != watts[i - 1] and times[i] - times[i - 1] <= longest_s
    ]


def _lattice(changes: Sequence[float], spacing: float) -> Optional[Tuple[float, Interval]]:
    """(phase, update), s, of a lattice that the changes lie on; None if they lie on none."""
    steps = sorted(b - a for a, b in zip(changes, changes[1:]))
    shortest = [step for step in steps if step <= SAME_STEP * steps[len(steps) // 10]]
    update = sum(shortest) / len(shortest)
    numbers = [0.0]
    for a, b in zip(changes, changes[1:]):
        numbers.append(numbers[-1] + round((b - a) / update))
    for _ in range(ROUNDS):
        phase, update = line(numbers, changes)
        numbers = [float(round((moment - phase) / update)) for moment in changes]
    off = sqrt(sum((m - phase - k * update) ** 2 for k, m in zip(numbers, changes)) / len(changes))
    if update <= 0.0 or off > max(TIGHT * update, 0.0) or update < 2 * spacing:
        return None
    mean = sum(numbers) / len(numbers)
    # never better than an even spread over the spacing of the reads, though all may agree
    error = 2 * max(off, spacing / sqrt(12)) / sqrt(sum((k - mean) ** 2 for k in numbers))
    return phase, Interval(update, update - error, update + error)


def line(x: Sequence[float], y: Sequence[float]) -> Tuple[float, float]:
    """(offset, slope) of the straight line with the least squares through points [n]."""
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - middle_x) ** 2 for a in x)
    slope = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y)) / spread if spread else 0.0
    return middle_y - slope * middle_x, slope


def _on(
    phase: float, update: Interval, times: Sequence[float], watts: Sequence[float], spacing: float
) -> Renewals:
    """The value at every point of the lattice, also where it was renewed to what it had been."""
    moments, shown = [], []
    number = int((times[0] - phase) // update.value) + 1
    while phase + (number + 1) * update.value <= times[-1]:
        moment = phase + number * update.value
        # a read from the middle on: near the renewal it may have met the old value or the new
        place = bisect_left(times, moment + update.value / 2)
        if times[place] < moment + update.value - spacing:
            moments.append(moment)
            shown.append(watts[place])
        number += 1
    return Renewals(moments, shown, update, spacing)


def _thinned(found: Renewals) -> Renewals:
    """Not more than `MOST` of them, evenly taken."""
    every = max(-(-len(found.moments) // MOST), 1)
    return found._replace(moments=found.moments[::every], watts=found.watts[::every])
