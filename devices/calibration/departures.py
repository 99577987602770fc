"""Where a sensor departs from a straight line: it drifts with its heat, or it is bent.

Replicates do not show either as scatter about their own mean, so the intervals are widened.
"""

from typing import Dict, List, Tuple

from edgejoule.devices.calibration import straight
from edgejoule.devices.calibration.plateaus import Calm
from edgejoule.devices.calibration.straight import Quantity

TREND_SD = 4.0  # standard errors at which a trend is no accident
WORTH_NOTING = 0.002  # of the span


def widened(
    line: straight.Line, kept: List[Calm], span: float, names: Tuple[str, str]
) -> Tuple[straight.Line, List[str]]:
    """The line with intervals that hold although the sensor drifts or is no straight line."""
    notes = []
    drift = _drift(line, kept)
    if abs(drift) > WORTH_NOTING * span:
        line = _wider(line, abs(drift) / 2, span)
        notes.append(
            "{} drifted by {:+.2g} W against {} meanwhile, as it warmed; the intervals hold it, "
            "a second comparison now would be better".format(names[1], drift, names[0])
        )
    bend = _bend(line, kept)
    if bend > WORTH_NOTING * span:
        line = _wider(line, bend, span)
        notes.append(
            "{} is no straight line: up to {:.2g} W off it at one level".format(names[1], bend)
        )
    return line, notes


def _wider(line: straight.Line, watts: float, span: float) -> straight.Line:
    return line._replace(gain=line.gain.widened(watts / span), offset=line.offset.widened(watts))


def _drift(line: straight.Line, kept: List[Calm]) -> float:
    """Watts by which the sensor's residual moved from first to last; 0 if that is an accident."""
    times = [each.start_s for each in kept]
    trend = straight.line(times, line.left).gain
    return trend.value * (times[-1] - times[0]) if certain(trend, len(times)) else 0.0


def _bend(line: straight.Line, kept: List[Calm]) -> float:
    """The largest mean residual of a level, in watts; 0 if that is an accident."""
    levels: Dict[float, List[float]] = {}
    for each, left in zip(kept, line.left):
        levels.setdefault(round(each.share, 3), []).append(left)
    found = [0.0]
    within = [left - sum(all_) / len(all_) for all_ in levels.values() for left in all_]
    freedom = max(len(within) - len(levels), 1)
    spread = (sum(each**2 for each in within) / freedom) ** 0.5
    for all_ in levels.values():
        middle = abs(sum(all_) / len(all_))
        if middle > TREND_SD * spread / len(all_) ** 0.5:
            found.append(middle)
    return max(found)


def certain(trend: Quantity, count: int) -> bool:
    """True if a trend is many standard errors from none."""
    return abs(trend.value) > TREND_SD * trend.half() / straight.student(count - 2)
