"""Does the last night of a series raise an alarm? Functions of lists of numbers. Free of torch.

There are two kinds. A step among the last nights (`scan.scan`) is one. The other is a level away
from the one that was blessed: what crept up over weeks, or jumped a month ago, is no step any
more but is still not what was agreed on, so it raises an alarm for as long as it lasts.
"""

import math
from statistics import median
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, TypeVar

from edgejoule.bench.gates import scan
from edgejoule.bench.gates.limits import Thresholds

ENOUGH = scan.LEAST + scan.SHORTEST  # nights that tell their own noise

Values = Sequence[Optional[float]]  # one per night; None for a night that measured nothing
Key = TypeVar("Key")


class Alarm(NamedTuple):
    """A change of level, how probable it is by chance, and against what it was seen."""

    step: scan.Step
    chance: float
    against: str  # "nights" or "blessed"


def examine(
    values: Values, floor: float, thresholds: Thresholds, blessed: Optional[int] = None
) -> Optional[Alarm]:
    """The alarm of the last night of a series, or None; of two, the less probable by chance.

    `values` up to tonight; `floor` is the smallest change worth an alarm, a fraction; `blessed`
    is the place of the blessed night. A step that was blessed raises no alarm any more.
    """
    if not values or values[-1] is None:
        return None
    noise = 0.0 if _count(values) >= ENOUGH else thresholds.noise
    agreed = values if blessed is None else _agreed(values, blessed, floor)
    found = scan.scan(
        agreed,
        thresholds.before,
        thresholds.shortest,
        thresholds.longest,
        thresholds.z,
        floor * thresholds.suspect,
        noise,
    )
    alarms = [] if found is None else [_alarm(found, agreed, thresholds, "nights")]
    if blessed is not None:
        away = _away(agreed, blessed, floor, thresholds, noise)
        alarms += [] if away is None else [_alarm(away, agreed, thresholds, "blessed")]
    return min(alarms, key=lambda alarm: alarm.chance) if alarms else None


def enough(values: Values, blessed: Optional[int]) -> bool:
    """True if tonight can be judged: by the nights before it, or by a blessed one."""
    return _count(values) >= ENOUGH or (blessed is not None and blessed < len(values) - 1)


def significant(chances: Dict[Key, float], share: float) -> Set[Key]:
    """The alarms that stand when many series are watched: false ones are at most this share.

    Benjamini and Hochberg (1995); the chances are of every series, 1 for one without an alarm.
    """
    ordered = sorted(chances, key=lambda key: chances[key])
    last = max(
        [rank for rank, key in enumerate(ordered, 1) if chances[key] <= share * rank / len(ordered)]
        or [0]
    )
    return set(ordered[:last])


def _alarm(step: scan.Step, values: Values, thresholds: Thresholds, against: str) -> Alarm:
    """A step with its chance: the normal one of z, times the number of windows that were tried."""
    # the limit that z had to exceed grows where few nights tell the noise; here z shrinks instead
    z = step.z / scan.limit(1.0, min(_count(values), thresholds.before))
    windows = thresholds.longest - thresholds.shortest + 1
    return Alarm(step, min(1.0, windows * math.erfc(z / math.sqrt(2))), against)


def _agreed(values: Values, blessed: int, floor: float) -> Values:
    """The series with the nights before the blessed one that lie on another level left out.

    The blessing says that their level is no longer what later nights are held to.
    """
    level = values[blessed]
    if level is None:
        return values
    reach = max(math.log1p(floor), scan.Z * _noise(values))
    return [
        None
        if value is None or (place < blessed and abs(math.log(value / level)) > reach)
        else value
        for place, value in enumerate(values)
    ]


def _away(
    values: Values, blessed: int, floor: float, thresholds: Thresholds, noise: float
) -> Optional[scan.Step]:
    """The distance of the last nights from the blessed level, if it is a regression or a gain.

    The change is that of the `longest` last nights; the `shortest` last must lie beyond the floor
    as well, so that a level that came back raises no alarm.
    """
    known = [(place, math.log(value)) for place, value in enumerate(values) if value is not None]
    base = [log for place, log in known if place <= blessed][-thresholds.before :]
    after = [(place, log) for place, log in known if place > blessed]
    if not base or not after:
        return None
    young = len(known) < ENOUGH
    if not young and len(base) < scan.LEAST:  # so few nights may agree by luck
        noise = max(noise, _noise(values))
    level = scan.level_of(base, noise)
    if len(after) < (1 if young else thresholds.shortest):
        return None
    new = [log for _, log in after[-(1 if young else thresholds.longest) :]]
    score = (_plain if young else scan.distance)(level, new)
    changes = [median(new[-count:]) - level.middle for count in (len(new), thresholds.shortest)]
    if abs(score) <= scan.limit(thresholds.z, len(known)) or any(
        change * score <= 0 or abs(change) <= math.log1p(floor) for change in changes
    ):
        return None
    return scan.Step(
        _first(after, level, changes[0]),
        math.exp(level.middle),
        math.exp(level.middle + changes[0]),
        math.exp(changes[0]),
        abs(score),
    )


def _plain(level: scan.Level, new: Sequence[float]) -> float:
    """The distance in a young series: not cut off, so that a single night can raise an alarm."""
    mean = sum(new) / len(new)
    return (mean - level.middle) / level.noise / math.sqrt(1.0 / len(new) + 1.0 / level.n)


def _first(after: List[Tuple[int, float]], level: scan.Level, change: float) -> int:
    """The first night from which more lie on the new side of half the change than on the old."""
    sides = [1 if (log - level.middle) / change > 0.5 else -1 for _, log in after]
    sums = [sum(sides[start:]) for start in range(len(sides))]
    return after[sums.index(max(sums))][0]


def _noise(values: Values) -> float:
    """Scatter from night to night, which a change of level does not inflate."""
    logs = [math.log(value) for value in values if value is not None]
    return scan.jitter(logs) if len(logs) > 1 else 0.0


def _count(values: Values) -> int:
    return sum(value is not None for value in values)
