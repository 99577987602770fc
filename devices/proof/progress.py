"""How far a long proof has come and how long it will take, on one line of a terminal."""

import sys
import time
from typing import Callable, Optional, TextIO

SECONDS_BETWEEN = 0.2  # two drawings: faster than anybody reads


class Progress:
    """A line on a terminal that is drawn over; on anything else nothing is written.

    `expected_s` is what all the work takes about; what is left is guessed from how long the
    part that is done took in comparison.
    """

    def __init__(
        self,
        expected_s: float,
        stream: Optional[TextIO] = None,
        now: Callable[[], float] = time.monotonic,
    ):
        self._expected_s, self._done_s = expected_s, 0.0
        self._stream, self._now = stream or sys.stderr, now
        self._live = self._stream.isatty()
        self._begun = self._drawn = now()
        self._width = 0

    def ticker(self, name: str, expected_s: float) -> Callable[[], None]:
        """A function to call after each piece of a part that takes about so many seconds."""

        def tick() -> None:
            self._done_s += expected_s
            if self._live and self._now() - self._drawn >= SECONDS_BETWEEN:
                self._draw(name)

        return tick

    def left_s(self) -> float:
        """Seconds that are left, about."""
        done = max(self._done_s, 1e-9)
        left = max(self._expected_s - self._done_s, 0.0)
        return left * (self._now() - self._begun) / done

    def clear(self) -> None:
        """Take the line away."""
        if self._live and self._width:
            self._put("")

    def _draw(self, name: str) -> None:
        share = min(self._done_s / max(self._expected_s, 1e-9), 1.0)
        self._put("{:.0%}  {}  about {} left".format(share, name, _minutes(self.left_s())))
        self._drawn = self._now()

    def _put(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
        self._stream.flush()
        self._width = len(text)


def _minutes(seconds: float) -> str:
    whole = int(seconds + 0.5)
    return "{} s".format(whole) if whole < 60 else "{} min {:02d} s".format(whole // 60, whole % 60)
