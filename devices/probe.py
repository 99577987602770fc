"""Facts about a sensor that only reading it can tell: update period, cost of a read, lag."""

import hashlib
import os
import threading
import time
from typing import List, NamedTuple, Optional

from edgejoule.devices.energy import integrate
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import Sample

SETTLE_S, LOAD_S = 2.0, 4.0
STEP_WATTS, STEP_RATIO = 0.5, 0.05  # a smaller step than both says nothing about lag


class Burst(NamedTuple):
    """What reading as fast as possible showed; seconds."""

    reads: int
    failed: int
    distinct: int
    update_s: Optional[float]
    read_s: float
    slowest_s: float


def burst(device, seconds: float) -> Burst:
    """Reads without pause: how often the value is new (None if it never changed), and the cost."""
    costs, changes, values, failed = [], [], set(), 0
    last, ends = None, time.monotonic() + seconds
    while time.monotonic() < ends:
        before = time.monotonic()
        value = _value(device)
        costs.append(time.monotonic() - before)
        failed += value is None
        if value is not None and value != last:
            changes.append(before)
            values.add(value)
            last = value
    costs.sort()
    return Burst(
        len(costs), failed, len(values), _median_step(changes), costs[len(costs) // 2], costs[-1]
    )


def rest(device, seconds: float):
    """Mean watts (first half, second half) of a machine left alone; None where not measured."""
    with Meter(device) as meter:
        begun = time.monotonic()
        time.sleep(seconds)
        halves = [
            meter.between(begun, begun + seconds / 2),
            meter.between(begun + seconds / 2, begun + seconds),
        ]
    return [None if half.joules is None else half.joules / half.seconds for half in halves]


def lag_s(device, period_s: float) -> Optional[float]:
    """Mean delay with which the sensor follows a step of processor load, in seconds.

    The area between the final power and the curve, over the height of the step: the time
    constant of a first-order sensor, half the length of a moving average. None if the step
    does not show.
    """
    idle = _sampled(device, SETTLE_S, period_s)
    load = _Load()
    begun = time.monotonic()
    busy = _sampled(device, LOAD_S, period_s)
    load.stop()
    if len(idle) < 4 or len(busy) < 8:
        return None
    low = _mean([watts for _, watts in idle])
    tail = [watts for t, watts in busy if t > begun + LOAD_S / 2]
    high = _mean(tail)
    if high - low < max(STEP_WATTS, STEP_RATIO * low):
        return None
    times = [begun] + [t for t, _ in busy if t > begun]
    missing = [high - low] + [high - watts for t, watts in busy if t > begun]
    return max(integrate.trapezoid(times, missing) / (high - low), 0.0)


class _Load:
    """Every core busy hashing, which lets go of the interpreter's lock, until stopped."""

    def __init__(self):
        self._running = True
        self._threads = [threading.Thread(target=self._work) for _ in range(os.cpu_count() or 1)]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self):
        """Let the cores rest."""
        self._running = False
        for thread in self._threads:
            thread.join(1.0)

    def _work(self):
        block = bytes(1 << 20)
        while self._running:
            hashlib.sha256(block).digest()


def _sampled(device, seconds, period_s) -> List:
    """(time, watts) of reads that worked."""
    found, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends:
        now = time.monotonic()
        watts = _watts(device)
        if watts is not None:
            found.append((now, watts))
        time.sleep(period_s)
    return found


def _newest(device) -> Sample:
    """The last sample of one read; an empty one if the read failed or heard nothing."""
    try:
        heard = device.read()
    except (OSError, RuntimeError):
        return Sample()
    return heard if isinstance(heard, Sample) else (list(heard) or [Sample()])[-1]


def _watts(device):
    return _newest(device).watts


def _value(device):
    sample = _newest(device)
    return sample.joules if sample.joules is not None else sample.watts


def _median_step(moments):
    steps = sorted(b - a for a, b in zip(moments, moments[1:]))
    return steps[len(steps) // 2] if len(steps) > 1 else None


def _mean(values):
    return sum(values) / len(values)
