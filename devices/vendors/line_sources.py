"""Where a bench meter's lines come from: a file, a pipe, a serial port, a socket.

Each is read without ever blocking. One that is lost (a meter that was switched off, a cable, a
log that was rotated) is looked for again: soon at first, then ever less often, by the clock.
"""

import os
import socket
import stat
import termios
from typing import List, Optional, Union

from edgejoule.devices.clock import MACHINE, Clock

CHUNK = 65536
OPENING_S = 3.0  # for a socket's first connection
AGAIN_S = 0.3  # for a later one, which the sampling waits for
SOONEST_S, LATEST_S = 0.5, 8.0  # between two attempts to find a source again
TAIL = 4096  # bytes from a file's end in which its last line begins


class Source:
    """A source of bytes; `begun` counts how often it began anew.

    Of one whose `cut` is True the first bytes may be the rest of a line.
    """

    def __init__(self, name: str, clock: Clock = MACHINE):
        self.name, self.begun, self.cut = name, 0, False
        self._clock, self._fd = clock, -1
        self._lost, self._ended = "", False
        self._wait_s, self._next_s = SOONEST_S, 0.0

    def read(self) -> bytes:
        """What has come since the last read; b"" for nothing.

        Raises:
            RuntimeError: the source is lost and was not found again.
        """
        if self._fd < 0:
            self._find_again()
        found, begun = self._taken(), self.begun
        if not found:
            self._look()
            if self._fd < 0:
                raise self._failure()
            if self.begun != begun:
                found = self._taken()
        if found:
            self._wait_s = SOONEST_S  # it lives: the next loss is a new one
        return found

    def lose(self, how: str) -> None:
        """Give the source up as it is, and look for it again after a while."""
        self.close()
        self._lost = how
        self._next_s = self._clock.now() + self._wait_s

    def doubt(self, how: str) -> None:
        """Give it up if it may be dead without a word; a path would have told."""

    def close(self) -> None:
        """Give it back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _taken(self) -> bytes:
        """All that is there; a serial port gives a line at a time."""
        found = b""
        try:
            while len(found) < CHUNK:
                more = os.read(self._fd, CHUNK)
                self._ended = not more
                if not more:
                    break
                found += more
        except BlockingIOError:
            self._ended = False
        except OSError as error:
            self.lose("is lost ({})".format(error.strerror))
            if not found:
                raise self._failure() from None
        return found

    def _look(self) -> None:
        """Whether a source that says nothing is still the one that was opened."""

    def _reopen(self) -> int:
        """A new descriptor that never blocks.

        Raises:
            OSError: it is not there.
        """
        raise TypeError("{} cannot be opened again".format(type(self).__name__))

    def _find_again(self) -> None:
        if self._clock.now() < self._next_s:
            raise self._failure()
        self._wait_s = min(2 * self._wait_s, LATEST_S)
        try:
            self._fd = self._reopen()
        except OSError as error:
            self.lose("is lost ({})".format(error.strerror or error))
            raise self._failure() from None
        self.begun += 1

    def _failure(self) -> RuntimeError:
        return RuntimeError("{} {}; it is looked for again".format(self.name, self._lost))


class Socket(Source):
    """A TCP connection, "tcp:HOST:PORT"."""

    def __init__(self, name: str, clock: Clock = MACHINE):
        super().__init__(name, clock)
        host, port = name[len("tcp:") :].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=OPENING_S) as connection:
            # Kept as numbers: to ask for a name again may take longer than a sample.
            self._family, self._address = connection.family, connection.getpeername()
            self._fd = _descriptor(connection)

    def doubt(self, how: str) -> None:
        """A peer that lost its power closes nothing."""
        if self._fd >= 0:
            self.lose(how)

    def _look(self) -> None:
        if self._ended:
            self.lose("has closed the connection")

    def _reopen(self) -> int:
        with socket.socket(self._family, socket.SOCK_STREAM) as connection:
            connection.settimeout(AGAIN_S)
            connection.connect(self._address)
            return _descriptor(connection)


class Path(Source):
    """A file that grows, from its end on; a pipe; a serial port."""

    def __init__(self, name: str, clock: Clock = MACHINE):
        super().__init__(name, clock)
        self._settings: Optional[List[Union[int, List[Union[bytes, int]]]]] = (
            None  # of a serial port, as somebody set them
        )
        self._fd = self._reopen()
        if stat.S_ISREG(os.fstat(self._fd).st_mode):
            # What it says of the past is not about the windows to come.
            self._to_last_line()

    def _look(self) -> None:
        """Follow a path to what it stands for now, and a file to its new beginning."""
        mine = os.fstat(self._fd)
        try:
            theirs = os.stat(self.name)
        except OSError:
            # A log may be away for a moment while it is rotated; a port's node goes with it.
            if stat.S_ISCHR(mine.st_mode):
                self.lose("is gone")
            return
        if (mine.st_dev, mine.st_ino) != (theirs.st_dev, theirs.st_ino):
            self.lose("was replaced")
            self._next_s = self._clock.now()
            self._find_again()
        elif stat.S_ISREG(mine.st_mode) and theirs.st_size < os.lseek(self._fd, 0, os.SEEK_CUR):
            os.lseek(self._fd, 0, os.SEEK_SET)
            self.begun += 1

    def _reopen(self) -> int:
        descriptor = os.open(self.name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        self.cut = os.isatty(descriptor)
        if self.cut:
            self._set_up(descriptor)
        return descriptor

    def _set_up(self, descriptor: int) -> None:
        """A port that comes back has forgotten its speed."""
        try:
            if self._settings is None:
                self._settings = termios.tcgetattr(descriptor)
            else:
                termios.tcsetattr(descriptor, termios.TCSANOW, self._settings)
        except termios.error as error:  # it has gone again meanwhile
            os.close(descriptor)
            raise OSError(*error.args) from None

    def _to_last_line(self) -> None:
        """Go to the end, or to where a line begins that is not whole yet."""
        end = os.lseek(self._fd, 0, os.SEEK_END)
        begin = max(end - TAIL, 0)
        last = os.pread(self._fd, end - begin, begin).rfind(b"\n")
        if last >= 0 or begin == 0:
            os.lseek(self._fd, begin + last + 1, os.SEEK_SET)
        else:
            self.cut = True


def opened(name: str, clock: Clock = MACHINE) -> Source:
    """The source of that name: a path, or "tcp:HOST:PORT".

    Raises:
        OSError, ValueError, OverflowError: it cannot be opened.
    """
    return Socket(name, clock) if name.startswith("tcp:") else Path(name, clock)


def _descriptor(connection: socket.socket) -> int:
    descriptor = os.dup(connection.fileno())
    os.set_blocking(descriptor, False)
    return descriptor
