"""Windows of energy round any piece of work, in three lines.

    with Meter() as meter:
        with meter.window("epoch") as epoch:
            train_one_epoch()
    print(epoch.reading.joules, epoch.reading.uncertainty_joules, epoch.reading.status)

Windows nest and overlap. A sensor that fails never raises here: the reading says so.
"""

from contextlib import contextmanager
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional, Tuple, Union

from edgejoule.devices import choose, idle, several, witness
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.energy import window
from edgejoule.devices.reading import DeviceInfo, Reading
from edgejoule.devices.sampler import Sampler
from edgejoule.devices.trace import PowerTrace

__all__ = ["DeviceInfo", "Meter", "Reading", "Window"]


class Window:
    """A named stretch of time; `reading` is there once it has ended."""

    def __init__(self, name: str, start_s: float):
        self.name = name
        self.start_s = start_s
        self.reading: Optional[Reading] = None


class Meter:
    """Samples a device in a thread while it is entered, and turns windows into readings.

    Args:
        device: of `choose.open`; a name for it; None for the best this machine has.
        period_s: seconds between samples; None takes what the device deserves.
        synchronise: called before each edge, so that queued GPU work falls on the right side
            (`torch.cuda.synchronize`).
        clock: what windows are timed by; a device that was opened elsewhere must go by the same.

    `samplers` holds the `Sampler` of every part of the device; none if nothing is measured.
    """

    def __init__(
        self,
        device: Union[None, str, Device] = None,
        period_s: Optional[float] = None,
        synchronise: Optional[Callable[[], Any]] = None,
        clock: Clock = MACHINE,
    ):
        if period_s is not None and not period_s > 0:
            raise ValueError(
                "sampling period: asked for {!r} s; it must be more than 0".format(period_s)
            )
        self.clock = clock
        self._mine = device is None or isinstance(device, str)  # then it is closed at the end
        self.device = _opened(device, clock)
        self.info = self.device.info()
        self.samplers = [
            Sampler(part, period_s, clock)
            for part in several.parts(self.device)
            if part.info().reason is None  # else it measures nothing, and says why
        ]
        self._synchronise = synchronise
        self._open: Dict[str, Window] = {}
        self._epochs, self._running = 0, False
        self._witnessed = witness.Tally()

    def __enter__(self) -> "Meter":
        for sampler in self.samplers:
            sampler.start()
        self._running = True
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False  # first: no window may begin while the samplers stop
        for sampler in self.samplers:
            sampler.stop()
        if self._mine:
            self.device.close()

    def begin(self, name: str) -> Window:
        """Open a window; others may be open."""
        if not self._running:
            raise ValueError(
                "window {!r}: the meter is not running; put the work into "
                "`with Meter(...) as meter:`".format(name)
            )
        if name in self._open:
            raise ValueError(
                "window {!r} is open already; end it first, or use another name".format(name)
            )
        self._open[name] = Window(name, self.edge())
        return self._open[name]

    def end(self, name: str) -> Reading:
        """Close a window: what it cost. Returns within two seconds whatever the sensor does."""
        if name not in self._open:
            raise ValueError(
                "window {!r} is not open; open are: {}".format(
                    name, ", ".join(sorted(self._open)) or "none"
                )
            )
        end_s = self.edge()
        opened = self._open.pop(name)
        opened.reading = self.between(opened.start_s, end_s)
        return opened.reading

    @contextmanager
    def window(self, name: str = "window") -> Iterator[Window]:
        """A window round the block; the target's `reading` is there after the block."""
        opened = self.begin(name)
        try:
            yield opened
        finally:
            self.end(name)  # also when the work failed: what it cost until then was spent

    def edge(self) -> float:
        """The moment now, in seconds of the meter's clock, with a sample asked for at it.

        `between` two such moments is a window that nobody had to open.
        """
        if self._synchronise is not None:
            self._synchronise()
        now = self.clock.now()  # after the queued work has ended, or it would fall outside
        for sampler in self.samplers:
            sampler.edge()
        return now

    def between(self, start_s: float, end_s: float) -> Reading:
        """What passed between two moments of the meter's clock, in seconds, while sampling."""
        for sampler in self.samplers:
            sampler.reach(end_s)  # so that the last edge is interpolated, not held
        if not self.samplers:
            return Reading(end_s - start_s, None, reason=self.info.reason)
        pairs = [(sampler.info, sampler.reading(start_s, end_s)) for sampler in self.samplers]
        found = several.total(pairs)
        self._witnessed.add(pairs, found)
        return found

    def epoch(self) -> ContextManager[Window]:
        """A window named after how many epochs there were: epoch 0, epoch 1, ..."""
        self._epochs += 1
        return self.window("epoch {}".format(self._epochs - 1))

    def idle(self, seconds: float = idle.ENOUGH_S) -> Optional[idle.Baseline]:
        """The power of the next seconds, in which the caller runs nothing; None if not measured.

        Model loaded, GPU context alive, same power mode and clocks as in the run.
        """
        begun = self.edge()
        self.clock.sleep(seconds)
        return idle.baseline(self.between(begun, self.edge()))

    def repeat(self, body: Callable[[], Any], name: str = "repeat") -> Tuple[Reading, int]:
        """(Reading, times): `body()` as often as this sensor needs; divide by the times."""
        opened, times = self.begin(name), 0
        try:
            while not times or self.clock.now() - opened.start_s < self.minimum_seconds():
                body()
                times += 1
        finally:
            reading = self.end(name)
        return reading, times

    def minimum_seconds(self) -> float:
        """Seconds a window must last to be believed; repeat short work until then and divide."""
        return max([window.minimum_seconds(s.info, s.period_s) for s in self.samplers] or [0.0])

    def trace(self) -> PowerTrace:
        """Power over everything sampled so far, in watts; empty if nothing was."""
        own = [sampler for sampler in self.samplers if sampler.info.scope != witness.SCOPE]
        return several.sum_traces([sampler.trace() for sampler in own])

    def cost(self) -> Dict[str, Dict[str, Optional[float]]]:
        """By adapter, what measuring costs: share of one core [0, 1], reads, samples kept."""
        return {sampler.info.adapter: sampler.cost() for sampler in self.samplers}

    def warnings(self) -> List[str]:
        """Sentences on what a reader of these numbers must know; empty if there is nothing."""
        if not self.samplers:
            return self.device.notes()
        found = [text for sampler in self.samplers for text in sampler.warnings()]
        return found + self._witnessed.sentences()


def _opened(device: Union[None, str, Device], clock: Clock) -> Device:
    """The device itself, or the one of that name, or the best this machine has."""
    if device is None or isinstance(device, str):
        return choose.open(device or "auto", clock=clock)
    return device
