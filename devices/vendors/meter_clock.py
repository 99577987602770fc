"""A bench meter's times, put on our clock."""

from typing import Optional

from edgejoule.devices.clock import Clock

CALENDAR_S = 1e9  # larger times count from 1970
JUMP_S = 5.0  # a meter's clock that is ahead of ours by more was set


class MeterClock:
    """How far the meter's clock is from ours; `jumps` counts how often it was set meanwhile."""

    def __init__(self, clock: Clock):
        self.jumps = 0
        self._clock = clock
        self._shift_s: Optional[float] = None
        self._newest_s = float("-inf")

    @property
    def settled(self) -> bool:
        """True once a line has had a time."""
        return self._shift_s is not None

    def ours(self, moment: Optional[float], slack_s: float) -> float:
        """A line's time in seconds of our clock; now for a line without one.

        The first line that has one settles how the clocks differ; so does one after the meter's
        was set: it goes back by more than `slack_s` seconds, or is ahead of ours.
        """
        now = self._clock.now()
        if moment is None:
            return now
        shifted = moment + (self._shift_s or 0.0)
        jumped = shifted < self._newest_s - slack_s or shifted > now + JUMP_S
        if self._shift_s is None or jumped:
            self.jumps += self._shift_s is not None
            self._shift_s = now - (self._clock.wall() if moment > CALENDAR_S else moment)
        self._newest_s = moment + self._shift_s
        return self._newest_s
