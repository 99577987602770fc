"""Facts about a sensor that only reading it can tell, and a load to read it under."""

import hashlib
import os
import threading
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Set

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import Sample

TOLD_EVERY_S = 0.5
BLOCK = bytes(1 << 19)  # a core of a Jetson hashes it in a millisecond or two

Tell = Callable[[str, float, float], Any]  # (what is done, seconds of it done, seconds of it)


def untold(_stage: str, _done_s: float, _whole_s: float) -> None:
    """Keeps progress to itself."""


class Burst(NamedTuple):
    """What reading as fast as possible showed; seconds."""

    reads: int
    failed: int
    distinct: int
    update_s: Optional[float]
    read_s: float
    slowest_s: float


class Load:
    """Units of work without pause, or for a share of the time, in threads until stopped.

    `share` of the full load, 0 to 1; `unit` is done over and over, None hashes, which lets go of
    the interpreter's lock; `threads` of them, None for one a core.
    """

    def __init__(
        self,
        share: float = 1.0,
        unit: Optional[Callable[[], Any]] = None,
        threads: Optional[int] = None,
    ) -> None:
        self._running, self._share, self._unit = True, 0.0, unit or _hash
        self._called = threading.Event()  # set while there is work to do
        self._threads = [
            threading.Thread(target=self._work) for _ in range(threads or os.cpu_count() or 1)
        ]
        for thread in self._threads:
            thread.daemon = True
            thread.start()
        self.turn(share)

    def turn(self, share: float) -> None:
        """Set the share of the full load, 0 to 1."""
        self._share = share
        if share > 0.0:
            self._called.set()
        else:
            self._called.clear()

    def stop(self) -> None:
        """Let the cores rest."""
        self._running = False
        self._called.set()
        for thread in self._threads:
            thread.join(1.0)

    def _work(self) -> None:
        while self._running:
            self._called.wait()
            begun, share = MACHINE.now(), self._share
            self._unit()
            if 0.0 < share < 1.0:  # as long as this unit asks for: no fixed period to lock to
                MACHINE.sleep((MACHINE.now() - begun) * (1.0 - share) / share)


def _hash() -> None:
    """About a millisecond of one core."""
    hashlib.sha256(BLOCK).digest()


def burst(device: Device, seconds: float, clock: Clock = MACHINE) -> Burst:
    """Reads without pause: how often the value is new (None if it never changed), and the cost."""
    costs: List[float] = []
    changes: List[float] = []
    values: Set[float] = set()
    last, failed, ends = None, 0, clock.now() + seconds
    while not costs or clock.now() < ends:  # at least once, even if the machine stands still
        before = clock.now()
        value = _value(newest(device))
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


def rest(
    device: Device, seconds: float, clock: Clock = MACHINE, tell: Tell = untold
) -> List[Optional[float]]:
    """Mean watts (first half, second half) of a machine left alone; None where not measured."""
    with Meter(device, clock=clock) as meter:
        begun = clock.now()
        while clock.now() < begun + seconds:
            tell("at rest", clock.now() - begun, seconds)
            clock.sleep(min(TOLD_EVERY_S, begun + seconds - clock.now()))
        halves = [
            meter.between(begun, begun + seconds / 2),
            meter.between(begun + seconds / 2, begun + seconds),
        ]
    return [None if half.joules is None else half.joules / half.seconds for half in halves]


def newest(device: Device) -> Sample:
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
