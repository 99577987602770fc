"""The clock that measuring goes by: the machine's own, or one that a test moves by hand.

Whatever waits or reads the time takes a `clock` and asks nothing else: a meter, a sampler, an
adapter, a night. Moments are seconds of a monotonic clock, so no step of the wall clock, no
daylight saving and no NTP moves them.
"""

import time
from typing import Callable

from edgejoule.devices.wakeup import Wakeup

POLL_S = 0.0005  # between two looks at a condition that nobody announces


class Clock:
    """The machine's own clock; a virtual one has the same four methods."""

    def now(self) -> float:
        """This moment, in seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that much time pass; none if it is negative."""
        time.sleep(max(seconds, 0.0))

    def wakeup(self) -> Wakeup:
        """A wait that another thread can end."""
        return Wakeup()

    def until(self, done: Callable[[], bool], limit_s: float) -> bool:
        """True once `done()` is true; False if it is not within `limit_s` seconds."""
        deadline_s = self.now() + limit_s
        while not done():
            if self.now() >= deadline_s:
                return False
            self.sleep(POLL_S)
        return True


MACHINE = Clock()
