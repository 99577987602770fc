"""How far a comparison is: a line that is drawn over on a terminal, else one a round."""

import sys
from types import TracebackType
from typing import Optional, Type

from edgejoule.devices.calibration.recording import Plan
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.wakeup import Wakeup

EVERY_S = 1.0
CLEAR = "\r\x1b[K"


class Progress:
    """Told on standard error, so that results on standard output stay alone."""

    def __init__(self, planned: Plan, clock: Clock = MACHINE):
        self._planned, self._clock, self._round = planned, clock, 0
        self._begun_s = clock.now()
        self._draws, self._stopping = sys.stderr.isatty(), False
        self._wakeup: Optional[Wakeup] = None

    def __enter__(self) -> "Progress":
        if self._draws:
            self._wakeup = self._clock.wakeup()
            self._clock.thread(self._run, "edgejoule-progress")
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._stopping = True
        if self._wakeup is not None:
            self._wakeup.ring()
            sys.stderr.write(CLEAR)

    def begin(self, number: int) -> None:
        """A round begins; they count from 0."""
        self._round = number
        if not self._draws:
            print("calibrate: " + self.line(), file=sys.stderr)

    def line(self) -> str:
        """Where it is, and how long it will still take."""
        left = max(self._planned.seconds - (self._clock.now() - self._begun_s), 0.0)
        return "round {} of {}, {:.0f} s left".format(self._round + 1, self._planned.rounds, left)

    def _run(self) -> None:
        assert self._wakeup is not None  # it is made before the thread
        while not self._stopping:
            sys.stderr.write(CLEAR + self.line())
            sys.stderr.flush()
            self._wakeup.wait(self._clock.now() + EVERY_S)
