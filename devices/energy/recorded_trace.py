"""A record as a power trace, to keep with a run and to play again."""

from array import array
from typing import List, Optional

from edgejoule.devices.energy import ticks
from edgejoule.devices.energy.record import Record
from edgejoule.devices.energy.rows import Slice, known
from edgejoule.devices.trace import PowerTrace


def trace(record: Record, rail: Optional[str]) -> PowerTrace:
    """Power from a record's first sample to its last, in watts.

    A counter gives its mean power between ticks, as steps; else it is the sampled watts. A
    dithered look is put into the middle of the time that it stands for, so that straight lines
    between them hold the same joules.
    """
    rows = record.rows.slice(0, len(record))
    if record.counter.tick_s is not None:
        counted = _steps(ticks.find(*known(rows.times_s, rows.joules)), rail)
        if counted.times_s:
            return counted
    if record.dithered and len(record):
        rows = _in_the_middle(rows)
    times, watts = known(rows.times_s, rows.watts)
    return PowerTrace(tuple(times), tuple(watts), rail)


def _in_the_middle(rows: Slice) -> Slice:
    """The looks, each in the middle of its time, and both ends: of what stands there the value."""
    starts, last_s = rows.starts_s, rows.times_s[-1:]
    ends = starts[1:] + last_s  # what the last look stands for is not over
    middles = array("d", ((a + b) / 2 for a, b in zip(starts, ends)))
    watts = rows.watts[:1] + rows.watts + rows.watts[-1:]
    return rows._replace(times_s=starts[:1] + middles + last_s, watts=watts)


def _steps(found: ticks.Ticks, rail: Optional[str]) -> PowerTrace:
    times: List[float] = []
    watts: List[float] = []
    for start, end, power in zip(found.times_s, found.times_s[1:], ticks.powers(found)):
        if power is not None:  # across a reset nothing is known
            times += [start, end]
            watts += [power, power]
    return PowerTrace(tuple(times), tuple(watts), rail)
