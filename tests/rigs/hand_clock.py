"""A clock that a test moves by hand: sleeping moves it on, and nothing else does."""

from edgejoule.devices.clock import Clock


class HandClock(Clock):
    """Virtual time for one thread; `now_s` may be set at any moment."""

    def __init__(self, now_s=0.0):
        self.now_s = now_s

    def now(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += max(seconds, 0.0)
