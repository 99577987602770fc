"""Sensors that look part of the time: what is in doubt of energy seen through them.

A GPU of the A100's and H100's class renews its power every 100 ms and averages 25 ms of them
(arXiv 2312.02741). What a load does in the other 75 is not in the value. A load that drifts
against the sensor is met at all its phases, and the mean is right after a while; one in step
with it is met at the same phase for ever, and no number of values tells.
"""

from math import sqrt
from typing import Optional, Sequence

from edgejoule.devices.calibration import phases

TELLING = 0.1  # of the variance expected of an unknown load: with as much, values tell of it
UNKNOWN_LIMIT = 2.0  # times the mean: the most that a load may draw if nobody knows its limit


def is_blind(window_s: Optional[float], update_s: Optional[float]) -> bool:
    """True if the value sees less than every update; False if that is not known."""
    return window_s is not None and update_s is not None and window_s < update_s


def sentence(window_s: float, update_s: float) -> str:
    """What such a sensor does, in words."""
    return "sees {:.3g} of every {:.3g} ms".format(window_s * 1e3, update_s * 1e3)


def reason(window_s: float, update_s: float) -> str:
    """The sentence for a reading whose interval holds what was not seen."""
    return (
        "the sensor {}; a load in step with it is met at one phase only, and the interval holds "
        "what the rest may be".format(sentence(window_s, update_s))
    )


def joules_in_doubt(
    watts: Sequence[float],
    window_s: float,
    update_s: float,
    seconds: float,
    limit_watts: Optional[float] = None,
) -> float:
    """Joules, one standard deviation, by which the mean of `watts` over `seconds` may be off.

    Of a sensor whose every value is the mean of `window_s` out of `update_s`; 0 if that is all
    of it. Values that were read more often than renewed are thinned. `limit_watts` is the most
    the device can draw.

    Two independent terms. Values that vary are a sample of the load, of as many draws as are
    independent. Phases that were met again and again, D of them, leave gaps of 1/D of the range
    of power; D is 1 for values that hardly vary, for then nobody knows whether the power is
    constant or met in step.
    """
    if not is_blind(window_s, update_s) or not watts:
        return 0.0
    values = watts[:: max(round(len(watts) * update_s / seconds), 1)]
    mean, unseen = sum(values) / len(values), 1.0 - window_s / update_s
    limit = max(limit_watts or UNKNOWN_LIMIT * abs(mean), max(values))
    variance = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    # a uniform spread between nothing and the limit, 12 being that of its variance
    telling = min(variance / (TELLING * (unseen * limit) ** 2 / 12), 1.0)
    found = phases.met(values)
    independent = 1.0 + (found.independent - 1.0) * telling
    distinct = 1.0 + (found.distinct - 1.0) * telling
    gap = unseen * _range(values, distinct, limit) / distinct
    return seconds * sqrt(variance / independent + gap**2 / 12)


def _range(values: Sequence[float], distinct: float, limit: float) -> float:
    """Watts between which the power moves: what was seen, widened for what was not."""
    if distinct <= 1.0:
        return limit
    seen = (max(values) - min(values)) * (distinct + 1.0) / (distinct - 1.0)
    return max(min(seen, limit), limit / distinct)
