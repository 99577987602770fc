"""A meter and a progress bar that are set and read by hand."""

from contextlib import contextmanager
from typing import NamedTuple, Optional


class Reading(NamedTuple):
    seconds: float
    joules: Optional[float]
    uncertainty_joules: Optional[float] = 0.1
    status: str = "ok"
    reason: Optional[str] = None


class FakeMeter:
    """A clock that is set by hand, and constant watts (None: no sensor)."""

    def __init__(self, watts):
        self.now, self.watts = 0.0, watts

    @contextmanager
    def window(self, name):
        class Window:
            reading = None

        start, target = self.now, Window()
        target.start_s = start
        yield target
        seconds = self.now - start
        target.reading = Reading(
            seconds,
            None if self.watts is None else seconds * self.watts,
            reason="no sensor" if self.watts is None else None,
        )


class Silent:
    """Progress that remembers."""

    def __init__(self):
        self.epochs, self.said = [], []

    def epoch(self, record):
        self.epochs.append(record)

    def say(self, sentence):
        self.said.append(sentence)
