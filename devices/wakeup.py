"""A wait that another thread can end, and that no step of the wall clock moves.

`select` waits a length of time; timed waits for locks on Python 3.6 wait for a moment of the
wall clock, and sleep for an hour when it is set back by one.
"""

import os
import select
from contextlib import suppress
from typing import Callable


class Wakeup:
    """A pipe: one end rings, the other waits. `now()` is the clock that deadlines are on."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._out, self._in = os.pipe()
        # a ring must never hold up the caller's training, nor a read of what was read already
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)

    def ring(self) -> None:
        """End the wait that is on, or the next."""
        with suppress(BlockingIOError):  # so many rings are unheard that one more says nothing
            os.write(self._in, b"!")

    def wait(self, deadline_s: float) -> bool:
        """True if it rang before the deadline, a moment in seconds."""
        left = max(deadline_s - self._now(), 0.0)
        # all rings up to now are one: the sample that follows answers every one of them
        return bool(select.select([self._out], [], [], left)[0] and os.read(self._out, 4096))

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._out)
        os.close(self._in)
