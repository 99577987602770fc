"""Gain, offset and lag of a sensor from two traces of one power, each with its 95 % interval.

sensor(t) = gain x power(t - lag) + offset. Gain and offset are a line through the mean powers
of the calm parts of a staircase, the lag is a mean over its edges: plateaus and edges are the
replicates that the intervals come from. What one of the two did not see is left out; what the
model does not hold for is refused with a sentence, or widens the interval and is told.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.calibration import alignment, departures, plateaus, straight
from edgejoule.devices.calibration.plateaus import Calm, Edge, Series, Step
from edgejoule.devices.calibration.straight import Quantity
from edgejoule.devices.trace import PowerTrace

FEWEST_CALM, FEWEST_EDGES = 6, 4
LEAST_SPAN = 0.15  # of the highest power: below it gain and offset cannot be told apart
APART_S = 0.1  # over the whole comparison: what clocks may run apart
EDGE_SHARE = 0.4  # of the highest step; a lower one is mostly noise
STANDS = 0.02  # of the reference's span: a sensor that moves less stands still


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
        alignment.check(series, steps, end_s, name)
    line = straight.line([c.reference for c in known], [c.sensor for c in known])
    kept = [known[i] for i in line.kept]
    line, notes = departures.widened(line, kept, span, names)
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
    if abs(lag.value) > alignment.LATE * hold_s:
        raise RuntimeError(
            "{} trails {} by {:.2g} s: hold every level for longer, with --hold {:.0f}".format(
                names[1], names[0], lag.value, abs(lag.value) / alignment.LATE + 1
            )
        )
    return lag


def _in_step(good: List[Edge], names: Tuple[str, str]) -> None:
    """Raise RuntimeError if the lag grows or shrinks from edge to edge."""
    trend = straight.line([each.at_s for each in good], [each.lag_s for each in good]).gain
    seconds = good[-1].at_s - good[0].at_s
    if abs(trend.value * seconds) > APART_S and departures.certain(trend, len(good)):
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
