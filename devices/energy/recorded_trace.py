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
    times, watts = known(_middles(rows) if record.dithered else rows.times_s, rows.watts)
    return PowerTrace(tuple(times), tuple(watts), rail)


def _middles(rows: Slice) -> array:
    starts = rows.starts_s
    ends = starts[1:] + rows.times_s[-1:]  # what the last look stands for is not over
    return array("d", ((a + b) / 2 for a, b in zip(starts, ends)))


def _steps(found: ticks.Ticks, rail: Optional[str]) -> PowerTrace:
    times: List[float] = []
    watts: List[float] = []
    for start, end, power in zip(found.times_s, found.times_s[1:], ticks.powers(found)):
        if power is not None:  # across a reset nothing is known
            times += [start, end]
            watts += [power, power]
    return PowerTrace(tuple(times), tuple(watts), rail)
