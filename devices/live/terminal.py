"""A block of lines that stands still on a terminal while its numbers change.

Two escapes are enough: up so many lines, and clear what is below. The cursor rests at the end
of the last line, so that a block may be as high as the window without scrolling it.
"""

import os
import shutil
import signal
from contextlib import contextmanager
from typing import Iterator, Optional, TextIO

from edgejoule.devices.clock import Clock
from edgejoule.devices.live.looks import Look
from edgejoule.devices.live.screen import Window, block
from edgejoule.devices.reading import DeviceInfo

UP, CLEAR = "\x1b[{}A", "\x1b[J"
USUAL = Window(80, 24)
LEAST_W = 1e-9  # more than 0, for a bar is a share of the highest watts so far


def is_drawable(out: TextIO) -> bool:
    """True for a terminal that knows the two escapes."""
    return out.isatty() and os.environ.get("TERM") != "dumb"


class Terminal:
    """Draws looks at one place of a terminal; `note` is a line that stays above them."""

    def __init__(self, out: TextIO, info: DeviceInfo, clock: Clock, note: Optional[str] = None):
        self._out, self._info, self._note = out, info, note
        self._look: Optional[Look] = None
        self._top, self._drawn = LEAST_W, 0
        self._window = Window(0, 0)  # as it was when the block was drawn
        self._wakeup = clock.wakeup()

    def draw(self, look: Optional[Look]) -> None:
        """Show a look in place of the last; None before the first."""
        self._look = look
        self._top = max(self._top, (look.watts if look else None) or 0.0)
        self.redraw()

    def redraw(self) -> None:
        """Show the same look again, for the window as it is now."""
        window = size(self._out)
        lines = block(self._info, self._look, self._top, self._note, window)
        self._out.write(printable(self._back(window) + "\n".join(lines), self._out))
        self._out.flush()
        self._drawn, self._window = len(lines), window

    def pause(self, deadline_s: float) -> None:
        """Wait for a moment of the clock; a window that changes meanwhile is drawn anew."""
        while self._wakeup.wait(deadline_s):
            self.redraw()

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """While this is entered, `pause` hears of a window that was resized or stopped."""

        def heed(number: int, _: object) -> None:
            if number == signal.SIGCONT:  # the shell has written below the block meanwhile
                self._drawn = 0
            self._wakeup.ring()

        kept = {each: signal.signal(each, heed) for each in (signal.SIGWINCH, signal.SIGCONT)}
        try:
            yield
        finally:
            for each, handler in kept.items():
                signal.signal(each, handler)

    def close(self) -> None:
        """Leave the last look where it is, with the cursor below it."""
        self._out.write("\n")
        self._out.flush()
        self._wakeup.close()

    def _back(self, window: Window) -> str:
        """What brings the cursor to where the block begins, with nothing behind it."""
        if not self._drawn:
            return ""
        # Of a window that was resized nobody knows whether it broke the lines anew, so all of
        # it is cleared: a cursor that goes up too far stops at the top.
        up = self._drawn - 1 if window == self._window else window.lines
        return "\r" + (UP.format(up) if up else "") + CLEAR


def size(out: TextIO) -> Window:
    """The window's size; COLUMNS and LINES can only make it smaller."""
    told = shutil.get_terminal_size((0, 0))
    try:
        own = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):  # no terminal, or a file that is none of the system's
        own = told
    return Window(
        _least(told.columns, own.columns, USUAL.columns), _least(told.lines, own.lines, USUAL.lines)
    )


def _least(one: int, other: int, usual: int) -> int:
    """The smaller of two sizes; 0 is what a terminal says that was never told its own."""
    return min([each for each in (one, other) if each > 0], default=usual)


def printable(text: str, out: TextIO) -> str:
    """The text with ? for what the output's encoding lacks: a board's may be ASCII."""
    encoding = out.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
