"""A pseudo-terminal and what stands on its screen, for programs that draw with two escapes."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
from contextlib import contextmanager

LIMIT_S = 20.0  # of real time, for output that never comes
TOKEN = re.compile("\x1b\\[([0-9]*)([AJ])|(\x1b)|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """Rows of cells; knows CR, LF, ESC [ n A (up) and ESC [ J (clear below), and nothing else."""

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rows, self.row, self.column = [""] * lines, 0, 0
        self.wrapped = 0  # how often a line was too long

    def feed(self, text):
        for number, escape, stranger, control, letters in TOKEN.findall(text):
            assert not stranger, "an escape that not every terminal knows: {!r}".format(text)
            if escape == "A":  # 0 moves up by one, as on a real terminal
                self.row = max(self.row - max(int(number or 1), 1), 0)
            elif escape == "J":
                self.rows[self.row] = self.rows[self.row][: self.column]
                self.rows[self.row + 1 :] = [""] * (self.lines - self.row - 1)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self._down()
            for letter in letters:
                self._put(letter)

    def resize(self, columns, lines):
        """As xterm does it: what does not fit is cut off, and lines leave at the top."""
        gone = max(self.row - lines + 1, 0)
        self.rows = [row[:columns] for row in self.rows[gone:][:lines]]
        self.rows += [""] * (lines - len(self.rows))
        self.row, self.columns, self.lines = self.row - gone, columns, lines
        self.column = min(self.column, columns - 1)

    def text(self):
        """The screen's lines without blanks at their ends, and without empty lines below."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n").split("\n")

    def _put(self, letter):
        if self.column == self.columns:
            self.wrapped += 1
            self.column = 0
            self._down()
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + letter + row[self.column + 1 :]
        self.column += 1

    def _down(self):
        if self.row == self.lines - 1:
            self.rows = self.rows[1:] + [""]
        else:
            self.row += 1


class Terminal:
    """Both ends of a pseudo-terminal, and its screen."""

    def __init__(self, columns, lines):
        self.master, self.slave = pty.openpty()
        self.screen = Screen(columns, lines)
        self._tell(columns, lines)

    def resize(self, columns, lines):
        """The kernel sends SIGWINCH to whoever has it as its controlling terminal."""
        self.screen.resize(columns, lines)
        self._tell(columns, lines)

    def until(self, seen):
        """The screen's lines once `seen(lines)` is true of them."""
        while not seen(self.screen.text()):
            ready = select.select([self.master], [], [], LIMIT_S)[0]
            assert ready, "not within {:g} s: {}".format(LIMIT_S, self.screen.text())
            self.screen.feed(os.read(self.master, 65536).decode())
        return self.screen.text()

    def caught_up(self, out):
        """The screen's lines after all that was written to `out`."""
        out.write("\x07")  # rings the bell, so it cannot be part of what is drawn
        out.flush()
        heard = ""
        while not heard.endswith("\x07"):
            assert select.select([self.master], [], [], LIMIT_S)[0]
            heard += os.read(self.master, 65536).decode()
        self.screen.feed(heard[:-1])
        return self.screen.text()

    def _tell(self, columns, lines):
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)


def take(slave):
    """Make it the controlling terminal of this process, which begins a session."""
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@contextmanager
def terminal(columns, lines):
    made = Terminal(columns, lines)
    try:
        yield made
    finally:
        os.close(made.master)
        os.close(made.slave)
