"""Numbers from sysfs: a file kept open, read in about a microsecond."""
import os
from typing import Optional

LONGEST = 64  # bytes of a number


class NumberFile:
    """An integer that the kernel renews behind one path."""

    def __init__(self, path: str):
        self.path = path
        self._fd = os.open(path, os.O_RDONLY)

    def read(self) -> int:
        """The number now, in the file's own unit.

        A file replaced under its name is opened again; one that is gone or empty is an error,
        not its last value.

        Raises:
            OSError, RuntimeError: the file is gone, empty, or holds no number.
        """
        if os.fstat(self._fd).st_nlink == 0:
            self._reopen()
        text = os.pread(self._fd, LONGEST, 0)
        try:
            return int(text)
        except ValueError:
            raise RuntimeError("{}: expected a number, found {!r}".format(
                self.path, text.decode("ascii", "replace"))) from None

    def close(self):
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _reopen(self):
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
    found = text(path)
    try:
        return int(found)
    except (TypeError, ValueError):
        return None
