"""Named windows of time: begun, ended, cancelled and begun again, by any thread.

No lock is held here, only single operations on one dictionary: a fork or a signal may come at
any moment, and neither may find a lock that nobody gives back.
"""

from itertools import count
from typing import Any, Callable, Dict, Optional

from edgejoule.devices.reading import Reading
from edgejoule.devices.sampling import Sampling

INTERRUPTED = "it was interrupted before the sample at its end had come"


class Window:
    """A named stretch of time, `start_s` to `end_s` in seconds of the meter's clock.

    `reading` says what it cost; None while it is open, and for good if it was cancelled.
    """

    def __init__(self, name: str, start_s: float, sampling: Sampling):
        self.name, self.start_s = name, start_s
        self.end_s: Optional[float] = None
        self.trouble: Optional[str] = None  # what went wrong at its end
        self.named, self.closed, self.cancelled = True, False, False
        self._sampling = sampling  # that it was begun in: a meter may be entered again meanwhile
        self._reading: Optional[Reading] = None

    def __repr__(self) -> str:
        return "<Window {!r}: {}>".format(self.name, self._state())

    @property
    def reading(self) -> Optional[Reading]:
        """What it cost; None unless it was ended."""
        if self._reading is None and self.closed and self.end_s is not None:
            # not at the end: whoever interrupts that gets the reading when it asks again
            self._reading = self._sampling.reading(self.start_s, self.end_s, self.trouble)
        return self._reading

    def settle(self) -> None:
        """Wait for the sample at its end, as long as the sensor takes for one, and close it."""
        try:
            if self.end_s is not None:
                self._sampling.reach(self.end_s)
        except BaseException:  # Ctrl-C
            self.trouble = self.trouble or INTERRUPTED
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Close it as it is: at its end if it has one, else now; again is nothing."""
        if self.end_s is None:
            self.end_s, self.trouble = self._sampling.clock.now(), self.trouble or INTERRUPTED
        self.closed = True

    def _state(self) -> str:
        if self.cancelled:
            return "cancelled"
        found = self.reading
        if found is None:
            return "open for {:.3g} s".format(self._sampling.clock.now() - self.start_s)
        if found.joules is None:
            return "{:.3g} s, not measured: {}".format(found.seconds, found.reason)
        bar = found.uncertainty_joules
        return "{:.4g} J{} in {:.3g} s, {}".format(
            found.joules,
            "" if bar is None else " +- {:.2g} J".format(bar),
            found.seconds,
            found.status,
        )


class Windows:
    """The open windows of one sampling, by name.

    `synchronise` is called before each edge, so that queued GPU work falls on the right side.
    """

    def __init__(self, sampling: Sampling, synchronise: Optional[Callable[[], Any]]):
        self.sampling = sampling
        self._synchronise = synchronise
        self._open: Dict[str, Window] = {}

    def new(self, name: Optional[str], default: str = "window") -> Window:
        """A window that is not open yet; without a name it takes the first free one.

        That is `default`, or "`default` 2", "`default` 3" and so on while that is open.
        """
        opened = Window(name or default, self.sampling.clock.now(), self.sampling)
        opened.named = name is not None
        return opened

    def begin(self, opened: Window) -> Window:
        """Open a new window at this moment."""
        self._check_running(opened.name)
        try:
            self._add(opened)
            opened.start_s = self.edge()
            return opened
        except BaseException:
            self.remove(opened)  # it never began
            raise

    def end(self, opened: Window) -> Reading:
        """Close a window that is no longer in here: what it cost."""
        try:
            failed = self.mark_end(opened)
            opened.settle()
        finally:
            opened.close()  # also if Ctrl-C came before it had settled
        if failed is not None:
            raise failed
        assert opened.reading is not None  # it is closed
        return opened.reading

    def mark_end(self, opened: Window) -> Optional[BaseException]:
        """Put a window's end at this moment, at once; what `synchronise` raised, if it did.

        That is for the caller to raise once the window is closed: the joules were spent.
        """
        failed: Optional[BaseException] = None
        try:
            self._wait_for_queued_work()
        except BaseException as error:
            failed = error
            opened.trouble = (
                "synchronise failed at its end ({}), so its work may have gone on after it".format(
                    ": ".join(each for each in (type(error).__name__, str(error)) if each)
                )
            )
        finally:
            opened.end_s = self.sampling.mark()
        return failed

    def restart(self, name: str) -> Window:
        """Begin an open window again from this moment."""
        opened = self._found(name)
        self._check_running(name)
        opened.start_s = self.edge()
        return opened

    def take(self, name: str) -> Window:
        """The open window of that name, which then is no longer in here."""
        return self._open.pop(self._found(name).name)

    def remove(self, opened: Window) -> bool:
        """True if it was in here; not if it was ended or cancelled already."""
        return self._open.get(opened.name) is opened and bool(self._open.pop(opened.name, None))

    def edge(self) -> float:
        """This moment in seconds, all queued work done, with a sample asked for at it."""
        self._wait_for_queued_work()
        return self.sampling.mark()  # after the wait, or the work would fall outside

    def _wait_for_queued_work(self) -> None:
        # in a forked child nothing is measured, and CUDA refuses every call
        if self._synchronise is not None and self.sampling.is_here():
            self._synchronise()

    def _check_running(self, name: str) -> None:
        refusal = self.sampling.refusal()
        if refusal:
            raise ValueError("window {!r}: {}".format(name, refusal))

    def _add(self, opened: Window) -> None:
        first = opened.name
        for number in count(2):
            if self._open.setdefault(opened.name, opened) is opened:
                return
            if opened.named:
                raise ValueError(
                    "window {!r} is open already; end, cancel or restart it first, or use "
                    "another name".format(first)
                )
            opened.name = "{} {}".format(first, number)

    def _found(self, name: str) -> Window:
        opened = self._open.get(name)
        if opened is None:
            raise ValueError(
                "window {!r} is not open; open are: {}".format(
                    name, ", ".join(sorted(self._open)) or "none"
                )
            )
        return opened
