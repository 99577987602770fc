"""A wait that another thread can end, and that no step of the wall clock moves.

`select` waits a length of time; timed waits for locks on Python 3.6 wait for a moment of the
wall clock, and sleep for an hour when it is set back by one.
"""

import os
import select
import time


class Wakeup:
    """A pipe: one end rings, the other waits."""

    def __init__(self):
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)

    def ring(self):
        """End the wait that is on, or the next."""
        try:
            os.write(self._in, b"!")
        except BlockingIOError:  # so many rings are unheard that one more says nothing
            pass

    def wait(self, deadline_s: float) -> bool:
        """True if it rang before the monotonic deadline."""
        left = max(deadline_s - time.monotonic(), 0.0)
        return bool(select.select([self._out], [], [], left)[0] and os.read(self._out, 4096))

    def close(self):
        """Give the pipe back."""
        os.close(self._out)
        os.close(self._in)
