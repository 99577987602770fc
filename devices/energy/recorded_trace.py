"""A record as a power trace, to keep with a run and to play again."""

from typing import List, Optional

from edgejoule.devices.energy import estimate, ticks
from edgejoule.devices.energy.record import Record
from edgejoule.devices.trace import PowerTrace


def trace(record: Record, rail: Optional[str]) -> PowerTrace:
    """Power from a record's first sample to its last, in watts.

    A counter gives its mean power between ticks, as steps; else it is the sampled watts.
    """
    counted = _steps(ticks.find(*estimate.known(record.times_s, record.joules)), rail)
    if counted.times_s:
        return counted
    times, watts = estimate.known(record.times_s, record.watts)
    return PowerTrace(tuple(times), tuple(watts), rail)


def _steps(found: ticks.Ticks, rail: Optional[str]) -> PowerTrace:
    times: List[float] = []
    watts: List[float] = []
    for start, end, power in zip(found.times_s, found.times_s[1:], ticks.powers(found)):
        if power is not None:  # across a reset nothing is known
            times += [start, end]
            watts += [power, power]
    return PowerTrace(tuple(times), tuple(watts), rail)
