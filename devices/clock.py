"""The clock that measuring goes by: the machine's own, or one that a test moves by hand.

Whatever waits, reads the time or starts a thread that does takes a `clock` and asks nothing
else: a meter, a sampler, an adapter, a night. Moments are seconds of a monotonic clock, so no
step of the wall clock, no daylight saving and no NTP moves them.
"""

import threading
import time
from typing import Callable, Tuple

from edgejoule.devices.wakeup import Wakeup

# Between two looks at a condition that nobody announces: little beside a sampling period, and
# few enough looks to cost nothing in the half second that a meter waits at most.
POLL_S = 0.0005
BOOTTIME = 7  # CLOCK_BOOTTIME; Python names it from 3.7 on
QUICK_S, LOOKS = 1e-3, 5  # a look at both clocks that was not interrupted; and enough of them


class Clock:
    """The machine's own clock; a virtual one has the same methods."""

    def now(self) -> float:
        """This moment, in seconds since an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that much time pass; none if it is negative."""
        time.sleep(max(seconds, 0.0))

    def wakeup(self) -> Wakeup:
        """A wait that another thread can end."""
        return Wakeup(self.now)

    def until(self, done: Callable[[], bool], limit_s: float) -> bool:
        """True once `done()` is true; False if it is not within `limit_s` seconds."""
        deadline_s = self.now() + limit_s
        while not done():
            if self.now() >= deadline_s:
                return False
            self.sleep(POLL_S)
        return True

    def thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        """A daemon thread that does the work, started; it may wait on this clock."""
        thread = threading.Thread(target=work, name=name)
        thread.daemon = True  # a read that hangs must not keep the process from ending
        thread.start()
        return thread

    def wall(self) -> float:
        """Seconds since 1970 by the wall clock, which anybody may set at any time."""
        return time.time()

    def suspended(self) -> float:
        """Seconds this machine was suspended since it started; `now` leaves them out."""
        looks = [_offset()]
        while looks[-1][0] > QUICK_S and len(looks) < LOOKS:
            looks.append(_offset())
        return min(looks)[1]


def _offset() -> Tuple[float, float]:
    """(seconds the look took, seconds by which one clock is behind the other).

    A quick look is right: a thread that loses its core between the two clocks takes the time
    until it is back for sleep.
    """
    before_s = time.monotonic()
    boot_s = time.clock_gettime(BOOTTIME)
    after_s = time.monotonic()
    return after_s - before_s, boot_s - (before_s + after_s) / 2


MACHINE = Clock()
