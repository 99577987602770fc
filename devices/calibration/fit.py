"""Gain, offset and lag of a sensor from two traces of one power, each with its 95 % interval.

sensor(t) = gain x power(t - lag) + offset. Gain and offset are a line through the mean powers
of the calm parts of a staircase, the lag is a mean over its edges: plateaus and edges are the
replicates that the intervals come from. What one of the two did not see is left out; what the
model does not hold for is refused with a sentence, or widens the interval and is told.
"""

from operator import mul
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.calibration import plateaus, straight
from edgejoule.devices.calibration.plateaus import Calm, Edge, Series, Step
from edgejoule.devices.calibration.straight import Quantity
from edgejoule.devices.trace import PowerTrace

FEWEST_CALM, FEWEST_EDGES = 6, 4
LEAST_SPAN = 0.15  # of the highest power: below it gain and offset cannot be told apart
# Of a step. A trace further off than this runs into the calm parts, which begin six time
# constants of a first-order sensor after the step: 0.2 % of its way is left then.
EARLY, LATE = 1 / 12, 1 / 12
GRID = 24  # moments a step at which a trace is compared with the load
CUT = 20  # of the values: one in so many, at either end, may be a misread
FOLLOWS = 0.7  # correlation with the load below which a trace shows something else
TREND_SD = 4.0  # standard errors at which a trend is no accident
APART_S = 0.1  # over the whole comparison: what clocks may run apart
EDGE_SHARE = 0.4  # of the highest step; a lower one is mostly noise
STANDS = 0.02  # of the reference's span: a sensor that moves less stands still
WORTH_NOTING = 0.002  # of the span


class Fit(NamedTuple):
    """What a comparison found. `lag_s` is None if too few edges were seen.

    `residual_watts` is the root mean square of the plateaus about the line, `range_watts` the
    lowest and highest power by the reference, `notes` what its reader must know.
    """

    gain: Quantity
    offset_watts: Quantity
    lag_s: Optional[Quantity]
    residual_watts: float
    plateaus: int
    range_watts: Tuple[float, float]
    notes: Tuple[str, ...] = ()


def compare(
    reference: PowerTrace,
    sensor: PowerTrace,
    steps: Sequence[Step],
    end_s: float,
    names: Tuple[str, str] = ("the meter", "the sensor"),
) -> Fit:
    """The fit of a sensor to a reference over a staircase of `steps` that ended at `end_s`.

    Traces in watts; moments in seconds of one clock, to the best of both devices' knowledge.

    Raises:
        RuntimeError: why these two traces tell nothing: a silent device, clocks that disagree,
            a load that hardly varied, a sensor that does not follow.
    """
    first, second = Series(reference), Series(sensor)
    calms = plateaus.calm(first, second, steps, end_s)
    known = [each for each in calms if each is not None]
    if len(known) < FEWEST_CALM:
        raise RuntimeError(_silent(first, second, steps, end_s, names))
    span = _span(known, names)
    for series, name in ((first, names[0]), (second, names[1])):
        _on_time(series, steps, end_s, name)
    line = straight.line([c.reference for c in known], [c.sensor for c in known])
    kept = [known[i] for i in line.kept]
    line, notes = _honest(line, kept, span, names)
    found = plateaus.edges(first, second, calms)
    lag = _lag(found, min(late[0] - early[0] for early, late in zip(steps, steps[1:])), names)
    return Fit(
        line.gain,
        line.offset,
        lag,
        line.residual,
        len(kept),
        (min(c.reference for c in kept), max(c.reference for c in kept)),
        tuple(notes + _left_out(len(steps), len(known), len(kept))),
    )


def facts(found: Fit) -> Dict[str, Dict[str, float]]:
    """The fit's quantities as plain JSON, by the names they are stored under."""
    named = {"gain": found.gain, "offset_watts": found.offset_watts, "lag_s": found.lag_s}
    return {name: dict(each._asdict()) for name, each in named.items() if each is not None}


def _silent(
    first: Series, second: Series, steps: Sequence[Step], end_s: float, names: Tuple[str, str]
) -> str:
    """Which of the two told too little, in a sentence."""
    told = []
    for each, name in zip((first, second), names):
        count = len([t for t in each.times if steps[0][0] <= t <= end_s])
        often = "" if count < 2 else ", one every {:.3g} s".format(each.period_s)
        told.append("{} gave {} values{}".format(name, count, often))
    return (
        "too little was seen by both in {:.0f} s: {}; see that both speak all the time, or hold "
        "every level for longer with --hold".format(end_s - steps[0][0], "; ".join(told))
    )


def _span(known: List[Calm], names: Tuple[str, str]) -> float:
    """By how many watts the reference moved.

    Raises:
        RuntimeError: by too few.
    """
    low, high = min(c.reference for c in known), max(c.reference for c in known)
    if high - low < LEAST_SPAN * max(abs(high), abs(low)):
        raise RuntimeError(
            "the load moved {} by {:.3g} W only ({:.3g} to {:.3g} W): gain and offset cannot be "
            "told apart below {:.0%} of the highest; stop what else runs, and check that the "
            "meter feeds this board".format(names[0], high - low, low, high, LEAST_SPAN)
        )
    moved = max(c.sensor for c in known) - min(c.sensor for c in known)
    if moved < STANDS * (high - low):
        raise RuntimeError(
            "{} stood at {:.3g} W while {} went from {:.3g} to {:.3g} W".format(
                names[1], known[0].sensor, names[0], low, high
            )
        )
    return high - low


def _on_time(series: Series, steps: Sequence[Step], end_s: float, name: str) -> None:
    """Raise RuntimeError if a trace does not follow the load, or not at the same time."""
    hold = (end_s - steps[0][0]) / len(steps)
    shift, likeness = _shift_s(series, steps, end_s, hold / GRID)
    if likeness < FOLLOWS:
        raise RuntimeError(
            "{} did not follow the load (correlation {:.2f}, best at {:+.2g} s): is it on this "
            "board's supply, and is its clock right?".format(name, likeness, shift)
        )
    if not -EARLY * hold <= shift <= LATE * hold:
        raise RuntimeError(
            "{} is {:.2g} s {} the load: its clock and this machine's disagree, or it averages "
            "for long; set the clock, or hold every level for longer with --hold".format(
                name, abs(shift), "behind" if shift > 0 else "ahead of"
            )
        )


def _shift_s(
    series: Series, steps: Sequence[Step], end_s: float, grid_s: float
) -> Tuple[float, float]:
    """(seconds by which a trace trails the load, its correlation with the load there)."""
    count = int((end_s - steps[0][0]) / grid_s)
    load = _profile(steps, grid_s, count)
    seen = _on_grid(series, steps[0][0], grid_s, count)
    tried = {}
    for shift in range(-GRID // 2, GRID // 2 + 1):
        early, late = max(shift, 0), count + min(shift, 0)
        tried[shift] = _correlation(seen[early:late], load[early - shift : late - shift])
    best = max(tried, key=lambda shift: (tried[shift], -abs(shift)))
    return best * grid_s, tried[best]


def _profile(steps: Sequence[Step], grid_s: float, count: int) -> List[float]:
    """Share of full load at every moment of the grid [count]."""
    found, at = [], 0
    for n in range(count):
        moment = steps[0][0] + (n + 0.5) * grid_s
        while at + 1 < len(steps) and steps[at + 1][0] <= moment:
            at += 1
        found.append(steps[at][1])
    return found


def _on_grid(series: Series, start_s: float, grid_s: float, count: int) -> List[float]:
    """Watts in every cell of the grid [count]: the middle one of its values, else the last.

    A misread at the top of a register would outweigh the staircase: what is above or below
    nearly all values is cut off there.
    """
    ordered = sorted(series.watts)
    low, high = ordered[len(ordered) // CUT], ordered[-1 - len(ordered) // CUT]
    found, at, last = [], 0, series.watts[0]
    while at < len(series.times) and series.times[at] < start_s:
        at += 1
    for n in range(count):
        cell = []
        while at < len(series.times) and series.times[at] < start_s + (n + 1) * grid_s:
            cell.append(series.watts[at])
            at += 1
        last = min(max(straight.median(cell), low), high) if cell else last
        found.append(last)
    return found


def _correlation(x: Sequence[float], y: Sequence[float]) -> float:
    at_x, at_y = sum(x) / len(x), sum(y) / len(y)
    over_x, over_y = [each - at_x for each in x], [each - at_y for each in y]
    own = sum(map(mul, over_x, over_x)) * sum(map(mul, over_y, over_y))
    return sum(map(mul, over_x, over_y)) / own**0.5 if own > 0.0 else 0.0


def _honest(
    line: straight.Line, kept: List[Calm], span: float, names: Tuple[str, str]
) -> Tuple[straight.Line, List[str]]:
    """The line with intervals that hold although the sensor drifts or is no straight line."""
    notes = []
    drift = _drift(line, kept)
    if abs(drift) > WORTH_NOTING * span:
        line = _widened(line, abs(drift) / 2, span)
        notes.append(
            "{} drifted by {:+.2g} W against {} meanwhile, as it warmed; the intervals hold it, "
            "a second comparison now would be better".format(names[1], drift, names[0])
        )
    bend = _bend(line, kept)
    if bend > WORTH_NOTING * span:
        line = _widened(line, bend, span)
        notes.append(
            "{} is no straight line: up to {:.2g} W off it at one level".format(names[1], bend)
        )
    return line, notes


def _widened(line: straight.Line, watts: float, span: float) -> straight.Line:
    return line._replace(gain=line.gain.widened(watts / span), offset=line.offset.widened(watts))


def _drift(line: straight.Line, kept: List[Calm]) -> float:
    """Watts by which the sensor's residual moved from first to last; 0 if that is an accident."""
    times = [each.start_s for each in kept]
    trend = straight.line(times, line.left).gain
    return trend.value * (times[-1] - times[0]) if _certain(trend, len(times)) else 0.0


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


def _certain(trend: Quantity, count: int) -> bool:
    """True if a trend is many standard errors from none."""
    return abs(trend.value) > TREND_SD * trend.half() / straight.student(count - 2)


def _lag(found: List[Edge], hold_s: float, names: Tuple[str, str]) -> Optional[Quantity]:
    """The mean delay over the edges; None if there are too few.

    Raises:
        RuntimeError: the clocks run apart, or the steps are too short for such a lag.
    """
    highest = max([abs(each.step_watts) for each in found] or [0.0])
    good = [each for each in found if abs(each.step_watts) >= EDGE_SHARE * highest]
    if len(good) < FEWEST_EDGES:
        return None
    lag, kept = straight.mean([each.lag_s for each in good])
    _in_step([good[i] for i in kept], names)
    if abs(lag.value) > LATE * hold_s:
        raise RuntimeError(
            "{} trails {} by {:.2g} s: hold every level for longer, with --hold {:.0f}".format(
                names[1], names[0], lag.value, abs(lag.value) / LATE + 1
            )
        )
    return lag


def _in_step(good: List[Edge], names: Tuple[str, str]) -> None:
    """Raise RuntimeError if the lag grows or shrinks from edge to edge."""
    trend = straight.line([each.at_s for each in good], [each.lag_s for each in good]).gain
    seconds = good[-1].at_s - good[0].at_s
    if abs(trend.value * seconds) > APART_S and _certain(trend, len(good)):
        raise RuntimeError(
            "the clocks of {} and {} run apart by {:.2g} s a minute: set them by NTP, or let "
            "the meter write no times".format(names[0], names[1], abs(trend.value) * 60)
        )


def _left_out(steps: int, known: int, kept: int) -> List[str]:
    """Sentences on plateaus that do not count."""
    found = []
    if known < steps:
        found.append("{} of {} plateaus were not seen by both".format(steps - known, steps))
    if kept < known:
        found.append("{} of {} plateaus lay far off the line".format(known - kept, known))
    return found
