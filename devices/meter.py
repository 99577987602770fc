"""Windows of energy round any piece of work, in three lines.

    with Meter() as meter:
        with meter.window("epoch") as epoch:
            train_one_epoch()
    print(epoch.reading.joules, epoch.reading.uncertainty_joules, epoch.reading.status)

Windows nest and overlap, in one thread, in many and in an event loop. A sensor that fails never
raises here: the reading says so.
"""

import weakref
from itertools import count
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from edgejoule.devices import choose, idle
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.energy import window
from edgejoule.devices.reading import DeviceInfo, Reading
from edgejoule.devices.sampler import Sampler
from edgejoule.devices.sampling import Sampling
from edgejoule.devices.trace import PowerTrace
from edgejoule.devices.window_block import WindowBlock
from edgejoule.devices.windows import Window, Windows

__all__ = ["DeviceInfo", "Meter", "Reading", "Window"]


class Meter:
    """Samples a device in a thread while it is entered, and turns windows into readings.

    Args:
        device: of `choose.open`; a name for it; None for the best this machine has.
        period_s: seconds between samples; None takes what the device deserves.
        synchronise: called before each edge, so that queued GPU work falls on the right side
            (`torch.cuda.synchronize`).
        clock: what windows are timed by; a device that was opened elsewhere must go by the same.

    Windows may be begun and ended by any thread. Entered a second time it begins anew: a device
    that it opened by name is opened again, and what was sampled before is forgotten. Sampling
    ends with the block, with `close`, or when nobody holds the meter any more. A forked child
    measures nothing with its parent's meter, and disturbs nothing; it can make its own, or
    enter this one if it goes by name.
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
        self._asked, self._period_s, self._synchronise = device, period_s, synchronise
        self._epochs = count()
        self._windows = self._begun_anew()

    def __enter__(self) -> "Meter":
        sampling = self._windows.sampling
        if sampling.running and sampling.is_here():
            raise ValueError(
                "meter: it is running already; leave its `with` block or close() it first, "
                "or make a second Meter"
            )
        if sampling.used or not sampling.is_here():
            self._check_device(sampling)
            sampling.stop()  # if the end of the last time was interrupted
            self._forgotten.detach()  # or it would keep the record of the last time
            self._windows = self._begun_anew()
        self._windows.sampling.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError(
            "a Meter samples in the process that made it and cannot be copied or sent to "
            "another; make one there"
        )

    @property
    def device(self) -> Device:
        """The device that is sampled."""
        return self._windows.sampling.device

    @property
    def info(self) -> DeviceInfo:
        """What the device says about itself."""
        return self._windows.sampling.info

    @property
    def samplers(self) -> List[Sampler]:
        """The `Sampler` of every part of the device; none if nothing is measured here."""
        return self._windows.sampling.samplers

    def close(self) -> None:
        """Stop sampling, as the end of the `with` block does; again is nothing."""
        self._windows.sampling.stop()

    def begin(self, name: Optional[str] = None) -> Window:
        """Open a window; others may be open.

        Without a name it is called "window", or "window 2" and so on while that is open.

        Raises:
            ValueError: the meter is not running in this process, or that name is open.
        """
        return self._windows.begin(self._windows.new(name))

    def end(self, name: str) -> Reading:
        """Close a window: what it cost. Returns within two seconds whatever the sensor does.

        Raises:
            ValueError: no window of that name is open.
        """
        return self._windows.end(self._windows.take(name))

    def cancel(self, name: str) -> None:
        """Close a window without a reading.

        Raises:
            ValueError: no window of that name is open.
        """
        opened = self._windows.take(name)
        opened.cancelled = opened.closed = True

    def restart(self, name: str) -> Window:
        """Let an open window begin again from now, as if it had not been open before.

        Raises:
            ValueError: no window of that name is open.
        """
        return self._windows.restart(name)

    def window(self, name: Optional[str] = None) -> WindowBlock:
        """A window round the block; the target's `reading` is there after the block.

        Also round an `async with` block, whose end then waits without holding the loop up, and
        round a function: `@meter.window("step")`. Without a name it is named as by `begin`.
        """
        return self._block(name, "window")

    def edge(self) -> float:
        """The moment now, in seconds of the meter's clock, with a sample asked for at it.

        `between` two such moments is a window that nobody had to open.
        """
        return self._windows.edge()

    def between(self, start_s: float, end_s: float) -> Reading:
        """What passed between two moments of the meter's clock, in seconds, while sampling."""
        self._windows.sampling.reach(end_s)
        return self._windows.sampling.reading(start_s, end_s)

    def epoch(self) -> WindowBlock:
        """A window named after how many epochs there were: epoch 0, epoch 1, ..."""
        return self._block("epoch {}".format(next(self._epochs)), "epoch")

    def idle(self, seconds: float = idle.ENOUGH_S) -> Optional[idle.Baseline]:
        """The power of the next seconds, in which the caller runs nothing; None if not measured.

        Model loaded, GPU context alive, same power mode and clocks as in the run.
        """
        begun = self.edge()
        self.clock.sleep(seconds)
        return idle.baseline(self.between(begun, self.edge()))

    def repeat(self, body: Callable[[], Any], name: Optional[str] = None) -> Tuple[Reading, int]:
        """(Reading, times): `body()` as often as this sensor needs; divide by the times."""
        times = 0
        with self._block(name, "repeat") as opened:
            while not times or self.clock.now() - opened.start_s < self.minimum_seconds():
                body()
                times += 1
        if opened.reading is None:
            raise ValueError("window {!r}: it was cancelled by its own body".format(opened.name))
        return opened.reading, times

    def minimum_seconds(self) -> float:
        """Seconds a window must last to be believed; repeat short work until then and divide."""
        return max([window.minimum_seconds(s.info, s.period_s) for s in self.samplers] or [0.0])

    def trace(self) -> PowerTrace:
        """Power over everything sampled so far, in watts; empty if nothing was."""
        return self._windows.sampling.trace()

    def cost(self) -> Dict[str, Dict[str, Optional[float]]]:
        """By adapter, what measuring costs: share of one core [0, 1], reads, samples kept."""
        return self._windows.sampling.cost()

    def warnings(self) -> List[str]:
        """Sentences on what a reader of these numbers must know; empty if there is nothing."""
        return self._windows.sampling.warnings()

    def _block(self, name: Optional[str], default: str) -> WindowBlock:
        # asked for when the block begins: by then this meter may have been entered again
        return WindowBlock(lambda: self._windows, name, default)

    def _begun_anew(self) -> Windows:
        """No windows, and the device, opened if that is for this meter to do."""
        device = _opened(self._asked, self.clock)
        sampling = Sampling(device, self._by_name(), self._period_s, self.clock)
        # what samples knows nothing of its meter, so a meter that is forgotten ends, and stops it
        self._forgotten = weakref.finalize(self, sampling.stop)
        return Windows(sampling, self._synchronise)

    def _by_name(self) -> bool:
        """True if this meter opens the device, and so closes it."""
        return self._asked is None or isinstance(self._asked, str)

    def _check_device(self, sampling: Sampling) -> None:
        """Raise ValueError if the device is shared with the process this was forked from."""
        if not self._by_name() and not sampling.is_here():
            # its socket or its child process is the parent's as well, who may sample it
            raise ValueError(
                "meter: its device was opened in process {}, and this one was forked from it; "
                "open one here: Meter(open_device(...))".format(sampling.process)
            )


def _opened(device: Union[None, str, Device], clock: Clock) -> Device:
    """The device itself, or the one of that name, or the best this machine has."""
    if device is None or isinstance(device, str):
        return choose.open(device or "auto", clock=clock)
    return device
