"""A wait that another thread can end, and that no step of the wall clock moves.

`select` waits a length of time; timed waits for locks on Python 3.6 wait for a moment of the
wall clock, and sleep for an hour when it is set back by one.
"""

import os
import select
import threading
import weakref
from contextlib import suppress
from typing import Callable

HIGHEST = 1024  # FD_SETSIZE: select() refuses descriptors from this number on


class Wakeup:
    """A pipe: one end rings, the other waits. `now()` is the clock that deadlines are on."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._out, self._in = os.pipe()
        # a ring must never hold up the caller's training, nor a read of what was read already
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        # once only, though many ask: a number that is closed twice may be somebody's by then
        self._closing = weakref.finalize(self, _close, self._out, self._in)
        self._closing.atexit = False  # a thread may wait here until the very end
        self._ringing = threading.RLock()  # again: a signal's handler may ring within a ring

    def ring(self) -> None:
        """End the wait that is on, or the next; nothing once it is closed."""
        with self._ringing:  # or the number could be a stranger's file between look and write
            if self._closing.alive:
                with suppress(BlockingIOError):  # so many are unheard that one more says nothing
                    os.write(self._in, b"!")

    def wait(self, deadline_s: float) -> bool:
        """True if it rang before the deadline, a moment in seconds."""
        if not self._readable(max(deadline_s - self._now(), 0.0)):
            return False
        with suppress(BlockingIOError):  # another that waits here took it: it rang for both
            # all rings up to now are one: the sample that follows answers every one of them
            os.read(self._out, 4096)
        return True

    def close(self) -> None:
        """Give the pipe back; again is nothing."""
        with self._ringing:
            self._closing()

    def _readable(self, seconds: float) -> bool:
        if self._out < HIGHEST:
            return bool(select.select([self._out], [], [], seconds)[0])
        # up to a millisecond late, so it is for processes with a thousand open files only
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        return bool(poll.poll(seconds * 1000.0))


def _close(*descriptors: int) -> None:
    for each in descriptors:
        os.close(each)
