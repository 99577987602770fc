"""Numbers from sysfs: a file kept open, read in about a microsecond."""

import os
from typing import Generic, Optional, TypeVar

LONGEST = 64  # bytes of a number
LOOK_EVERY = 3  # whether a file is still there costs ten times its value
Number = TypeVar("Number", int, float)  # whole, if the unit is


class NumberFile(Generic[Number]):
    """An integer that the kernel renews behind one path, in units of `unit` (SI)."""

    def __init__(self, path: str, unit: Number = 1):
        self.path = path
        self.unit: Number = unit
        self._fd = os.open(path, os.O_RDONLY)
        self._raw: Optional[bytes] = None
        self._number: Number = unit  # of no meaning before the first read
        self._repeats = 0

    def read(self) -> Number:
        """The number now times the unit: an int if the unit is one, else a float.

        A file replaced under its name is opened again; one that is gone or empty is an error,
        not its last value. A value that repeats is looked into at every third read.

        Raises:
            OSError, RuntimeError: the file is gone, empty, or holds no number.
        """
        raw = os.pread(self._fd, LONGEST, 0)
        if raw == self._raw:
            self._repeats += 1
            if self._repeats % LOOK_EVERY:
                return self._number
        self._raw = None  # until it is known that the file is still there
        if os.fstat(self._fd).st_nlink == 0:
            self._reopen()
            raw = os.pread(self._fd, LONGEST, 0)
        self._raw, self._number = raw, self._parsed(raw)
        return self._number

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _parsed(self, raw: bytes) -> Number:
        try:
            return int(raw) * self.unit
        except ValueError:
            raise RuntimeError(
                "{}: expected a number, found {!r}".format(
                    self.path, raw.decode("ascii", "replace")
                )
            ) from None

    def _reopen(self) -> None:
        # Opened before the old one is closed: if it is gone, the next read says so again.
        fresh = os.open(self.path, os.O_RDONLY)
        os.close(self._fd)
        self._fd = fresh


def text(path: str) -> Optional[str]:
    """A file's text without its last newline or NUL; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(4096).decode("utf8", "replace").strip("\0\n ")
    except OSError:
        return None


def number(path: str) -> Optional[int]:
    """A file's integer; None if there is none."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None
