"""Finds steps in a nightly series: the last 3 to 7 nights against the 28 before. Free of torch.

A night's logarithm is measured in standard deviations from the level before, cut off at 3, and
the window's mean of these must exceed z = 3.5 of its own standard deviations; the window's median
must lie beyond the floor as well. Because of the cut-off a single wild night (a spike) raises no
alarm; a mean instead of a median finds more steps with fewer false alarms (tests/bench/test_scan.py
runs both): of 5 % in noise of 1.5 %, 96 % within four nights (`edgejoule gate --simulate`).

The noise is the root mean square of the calmer nine tenths of the nights before. Of few nights
it is a poor estimate, so z grows by 2 / nights.
"""

import math
from statistics import median
from typing import List, NamedTuple, Optional, Sequence, Tuple

BEFORE = 28  # nights of the level before: four weeks
SHORTEST, LONGEST = 3, 7  # nights of the level after
LEAST = 8  # nights before, below which nothing is said
Z = 3.5
FLOOR = 0.015  # fraction: a smaller step is nobody's business
WILD = 3.0  # standard deviations that a single night counts at most
CALM = 0.9  # share of nights that tell the noise
CALM_FACTOR = 1.265  # normal noise: standard deviation / rms of its calmer 90 %
MAD = 1.4826  # normal noise: standard deviation / median of the absolute deviations
LEAST_NOISE = 1e-9  # of a series that never changes, so that nothing is divided by 0

Known = List[Tuple[int, float]]  # (place, logarithm) of the nights that measured something


class Step(NamedTuple):
    """A change of level; `index` is the first night of the new one, counted in what was given."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a step
    before: float  # level, in the unit of the values
    after: float
    ratio: float  # after / before
    z: float  # standard deviations, always positive


class Level(NamedTuple):
    """Where a series lies and how much it scatters, both of its logarithm."""

    middle: float
    noise: float
    n: int


def scan(
    values: Sequence[Optional[float]],
    before: int = BEFORE,
    shortest: int = SHORTEST,
    longest: int = LONGEST,
    z: float = Z,
    floor: float = FLOOR,
    noise: float = 0.0,
) -> Optional[Step]:
    """The step that the last nights show, or None.

    `values` one per night, None for a night that measured nothing; `noise` is the least standard
    deviation (a fraction) to believe in.
    """
    known = _known(values)
    best = None
    for nights in range(shortest, longest + 1):
        old, new = known[-nights - before : -nights], [log for _, log in known[-nights:]]
        if len(old) < LEAST:
            break
        level = level_of([log for _, log in old], noise)
        score = distance(level, new)
        if (
            abs(score) > limit(z, level.n)
            and _beyond(level, new, score, floor)
            and (best is None or abs(score) > abs(best))
        ):
            best = score
    return None if best is None else _step(known[-longest - before :], longest, best)


def steps(values: Sequence[Optional[float]], z: float = Z, floor: float = FLOOR) -> List[Step]:
    """All steps of a series in order, seen from its end: windows on both sides of every night.

    For drawing: it judges a night by the 7 that followed, which no gate can wait for.
    """
    known = _known(values)
    if len(known) < 2 * SHORTEST:
        return []
    logs = [log for _, log in known]
    noise, least = max(jitter(logs), LEAST_NOISE), limit(z, len(logs))
    cuts = _split(logs, 0, len(logs), noise, least, floor)
    # a step was judged by the windows beside it; judged by the whole levels it may be none, and
    # taking it out joins two levels, so the others are judged again
    while cuts:
        found = _drawn(known, cuts, noise)
        weakest = min(range(len(cuts)), key=lambda i: found[i].z)
        small = [
            i for i, step in enumerate(found) if abs(math.log(step.ratio)) <= math.log1p(floor)
        ]
        if found[weakest].z > least and not small:
            return found
        del cuts[small[0] if small else weakest]
    return []


def level_of(logs: Sequence[float], noise: float = 0.0) -> Level:
    """The level of some nights: a mean that a wild night cannot carry off, and their noise."""
    middle = median(logs)
    far = sorted(abs(log - middle) for log in logs)
    calm = far[: max(1, int(CALM * len(far)))]
    spread = CALM_FACTOR * math.sqrt(sum(each * each for each in calm) / len(calm))
    spread = max(spread, noise, LEAST_NOISE)
    reach = 1.5 * spread  # as Huber's mean does
    drawn = [min(max(log - middle, -reach), reach) for log in logs]
    return Level(middle + sum(drawn) / len(drawn), spread, len(logs))


def distance(level: Level, new: Sequence[float]) -> float:
    """How many of its standard deviations the mean of new nights lies above the level."""
    cut = [min(max((log - level.middle) / level.noise, -WILD), WILD) for log in new]
    # 1.05: the variance of the level's mean over that of a plain one, 1.04 at 28 nights, 1.06 at 8
    return sum(cut) / len(cut) / math.sqrt(1.0 / len(cut) + 1.05 / level.n)


def limit(z: float, nights: int) -> float:
    """The z to exceed when the noise is known from so many nights."""
    return z * (1 + 2.0 / nights)


def jitter(logs: Sequence[float]) -> float:
    """Noise from night to night, from differences: a change of level spoils only one of them."""
    return MAD / math.sqrt(2) * median([abs(b - a) for a, b in zip(logs, logs[1:])])


def _known(values: Sequence[Optional[float]]) -> Known:
    return [
        (place, math.log(value))
        for place, value in enumerate(values)
        if value is not None and value > 0
    ]


def _beyond(level: Level, new: Sequence[float], score: float, floor: float) -> bool:
    """True if the median moved too, by more than the floor and the same way as the mean."""
    change = median(new) - level.middle
    return abs(change) > math.log1p(floor) and change * score > 0


def _step(known: Known, longest: int, score: float) -> Step:
    """The step with its first night placed where both sides are calmest.

    It is looked for among the last nights, and only where these are all alike, before them: the
    same step is found for weeks, and its first night must not follow the window.
    """
    logs = [log for _, log in known]
    first = max(1, len(logs) - longest)
    place = _calmest(logs, first, len(logs))
    place = place if place > first else _calmest(logs, min(SHORTEST, first), len(logs))
    for cut in (place, first):
        old, new = level_of(logs[:cut]).middle, median(logs[cut:])
        if (new - old) * score > 0:
            break
    return Step(known[cut][0], math.exp(old), math.exp(new), math.exp(new - old), abs(score))


def _calmest(logs: Sequence[float], low: int, high: int) -> int:
    """The cut in [low, high) with the least sum of distances to the medians of its two sides."""

    def cost(cut: int) -> float:
        return sum(
            abs(log - middle)
            for part in (logs[:cut], logs[cut:])
            for middle in (median(part),)
            for log in part
        )

    return min(range(low, high), key=cost)


def _drawn(known: Known, cuts: List[int], noise: float) -> List[Step]:
    """The steps at these places, each judged by the whole levels on its two sides."""
    logs, found = [log for _, log in known], []
    edges = [0] + cuts + [len(logs)]
    for low, cut, high in zip(edges, edges[1:], edges[2:]):
        old, new = level_of(logs[low:cut]), logs[cut:high]
        after = level_of(new).middle
        found.append(
            Step(
                known[cut][0],
                math.exp(old.middle),
                math.exp(after),
                math.exp(after - old.middle),
                abs(distance(old._replace(noise=noise), new)),
            )
        )
    return found


def _split(
    logs: Sequence[float], low: int, high: int, noise: float, z: float, floor: float
) -> List[int]:
    """Places of the steps within [low, high): the clearest, then those on either side of it."""
    best, place = z, None
    for cut in range(low + SHORTEST, high - SHORTEST + 1):
        old, new = logs[max(low, cut - BEFORE) : cut], logs[cut : min(high, cut + LONGEST)]
        level = level_of(old)._replace(noise=noise)
        score = distance(level, new)
        if abs(score) > best and _beyond(level, new, score, floor):
            best, place = abs(score), cut
    if place is None:
        return []
    start, end = max(low, place - LONGEST), min(high, place + LONGEST)
    place = start + _calmest(logs[start:end], 1, end - start)
    if not low < place < high:
        return []
    return (
        _split(logs, low, place, noise, z, floor)
        + [place]
        + _split(logs, place, high, noise, z, floor)
    )
