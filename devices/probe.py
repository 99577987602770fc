"""Facts about a sensor that only reading it can tell: update period, cost of a read, lag."""

import hashlib
import os
import threading
from typing import Callable, List, NamedTuple, Optional, Sequence, Set, Tuple

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.energy import integrate
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import Sample

SETTLE_S, LOAD_S = 2.0, 4.0  # a sensor follows within 0.5 s (INA3221, continuous mode)
STEP_WATTS, STEP_RATIO = 0.5, 0.05  # a smaller step than both says nothing about lag
FEWEST_IDLE, FEWEST_BUSY = 4, 8  # reads without which there is no mean to compare


class Burst(NamedTuple):
    """What reading as fast as possible showed; seconds."""

    reads: int
    failed: int
    distinct: int
    update_s: Optional[float]
    read_s: float
    slowest_s: float


class Load:
    """Every core busy hashing, which lets go of the interpreter's lock, until stopped."""

    def __init__(self) -> None:
        self._running = True
        self._threads = [threading.Thread(target=self._work) for _ in range(os.cpu_count() or 1)]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        """Let the cores rest."""
        self._running = False
        for thread in self._threads:
            thread.join(1.0)

    def _work(self) -> None:
        block = bytes(1 << 20)
        while self._running:
            hashlib.sha256(block).digest()


def burst(device: Device, seconds: float, clock: Clock = MACHINE) -> Burst:
    """Reads without pause: how often the value is new (None if it never changed), and the cost."""
    costs: List[float] = []
    changes: List[float] = []
    values: Set[float] = set()
    last, failed, ends = None, 0, clock.now() + seconds
    while not costs or clock.now() < ends:  # at least once, even if the machine stands still
        before = clock.now()
        value = _value(_newest(device))
        costs.append(clock.now() - before)
        failed += value is None
        if value is not None and value != last:
            changes.append(before)
            values.add(value)
            last = value
    costs.sort()  # the median, for a scheduler's pauses lie in the tail
    return Burst(
        len(costs), failed, len(values), _median_step(changes), costs[len(costs) // 2], costs[-1]
    )


def rest(device: Device, seconds: float, clock: Clock = MACHINE) -> List[Optional[float]]:
    """Mean watts (first half, second half) of a machine left alone; None where not measured."""
    with Meter(device, clock=clock) as meter:
        begun = clock.now()
        clock.sleep(seconds)
        halves = [
            meter.between(begun, begun + seconds / 2),
            meter.between(begun + seconds / 2, begun + seconds),
        ]
    return [None if half.joules is None else half.joules / half.seconds for half in halves]


def lag_s(
    device: Device,
    period_s: float,
    load: Callable[[], Load] = Load,
    clock: Clock = MACHINE,
) -> Optional[float]:
    """Mean delay with which the sensor follows a step of processor load, in seconds.

    The area between the final power and the curve, over the height of the step: the time
    constant of a first-order sensor, half the length of a moving average. None if the step
    does not show.
    """
    idle = _sampled(device, SETTLE_S, period_s, clock)
    running = load()
    begun = clock.now()
    busy = _sampled(device, LOAD_S, period_s, clock)
    running.stop()
    if len(idle) < FEWEST_IDLE or len(busy) < FEWEST_BUSY:
        return None
    return _delay_s(_mean([watts for _, watts in idle]), busy, begun)


def _delay_s(low: float, busy: List[Tuple[float, float]], begun: float) -> Optional[float]:
    """The lag of (time, watts) that rise from `low` watts when a load has `begun`."""
    high = _mean([watts for t, watts in busy if t > begun + LOAD_S / 2])
    if high - low < max(STEP_WATTS, STEP_RATIO * low):
        return None
    times = [begun] + [t for t, _ in busy if t > begun]
    missing = [high - low] + [high - watts for t, watts in busy if t > begun]
    return max(integrate.trapezoid(times, missing) / (high - low), 0.0)


def _sampled(
    device: Device, seconds: float, period_s: float, clock: Clock
) -> List[Tuple[float, float]]:
    """(time, watts) of reads that worked."""
    found, ends = [], clock.now() + seconds
    while clock.now() < ends:
        now = clock.now()
        watts = _newest(device).watts
        if watts is not None:
            found.append((now, watts))
        clock.sleep(period_s)
    return found


def _newest(device: Device) -> Sample:
    """The last sample of one read; an empty one if the read failed or heard nothing."""
    try:
        heard = device.read()
    except (OSError, RuntimeError):
        return Sample()
    return heard[-1] if heard else Sample()


def _value(sample: Sample) -> Optional[float]:
    return sample.joules if sample.joules is not None else sample.watts


def _median_step(moments: Sequence[float]) -> Optional[float]:
    steps = sorted(b - a for a, b in zip(moments, moments[1:]))
    return steps[len(steps) // 2] if len(steps) > 1 else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
