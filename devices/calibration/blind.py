"""Sensors that look part of the time: what is in doubt of energy seen through them.

A GPU of the A100's and H100's class renews its power every 100 ms and averages 25 ms of them
(arXiv 2312.02741). What a load does in the other 75 is not in the value. A load that drifts
against the sensor is met at all its phases, and the mean is right after a while; one in step
with it is met at the same phase for ever, and no number of values tells.
"""

from math import sqrt
from typing import Optional, Sequence

from edgejoule.devices.calibration import phases

TELLING = 0.03  # of the variance expected of an unknown load: with as much, values tell of it
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
    window_s: Optional[float],
    update_s: Optional[float],
    seconds: float,
    limit_watts: Optional[float] = None,
) -> float:
    """Joules, one standard deviation, by which the mean of `watts` over `seconds` may be off.

    Of a sensor whose every value is the mean of `window_s` out of `update_s`; 0 if that is all
    of it. Values that were read more often than renewed are thinned. `limit_watts` is the most
    the device can draw.

    Values that vary are a sample of the load, of as many draws as are independent. Phases that
    were met again and again, D of them, leave gaps of 1/D of the range of power. Of values that
    hardly vary nobody knows whether the power is constant or met in step: it may be anything
    up to the limit.
    """
    if window_s is None or update_s is None or window_s >= update_s or not watts:
        return 0.0
    values = watts[:: max(round(len(watts) * update_s / seconds), 1)]
    mean, unseen = sum(values) / len(values), 1.0 - window_s / update_s
    limit = max(limit_watts or UNKNOWN_LIMIT * abs(mean), max(values))
    variance = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    unknown = _uniform(unseen * limit)
    untold = (1.0 - min(variance / (TELLING * unknown), 1.0)) ** 2
    found = phases.met(values)
    gap = _uniform(unseen * _range(values, found.distinct, limit) / found.distinct)
    doubt = variance / found.independent + untold * unknown + (1.0 - untold) * gap
    return seconds * sqrt(doubt)


def _uniform(span: float) -> float:
    """The variance of what may be anywhere in a span."""
    return span**2 / 12


def _range(values: Sequence[float], distinct: float, limit: float) -> float:
    """Watts between which the power moves: what was seen, widened for what was not."""
    if distinct <= 1.0:
        return limit
    seen = (max(values) - min(values)) * (distinct + 1.0) / (distinct - 1.0)
    return min(seen, limit)
