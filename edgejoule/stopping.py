"""Ctrl-C and SIGTERM end a command with one sentence, whatever it was doing.

A KeyboardInterrupt that Python raises by itself lands anywhere: within an import, which leaves a
traceback, or within a `__del__`, where it is printed and forgotten. So the sentence is written
first, standard error is closed behind it, and only then is the work unwound; work that swallows
the exception is ended after `PATIENCE_S`.
"""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Optional

HEEDED = (signal.SIGINT, signal.SIGTERM)
BY_SIGNAL = 128  # and the number of the signal: what every shell gives
PATIENCE_S = 5.0  # for taking a git worktree away, which is the longest that unwinding does
EARLY = "stopped before anything was done"


class Stopped(KeyboardInterrupt):
    """A signal, `number`, asked this process to end."""

    def __init__(self, number: int):
        KeyboardInterrupt.__init__(self, number)
        self.number = number


class Stop:
    """How this process answers the first signal that asks it to end; a second one ends it at once.

    `number` is that first signal, None so far.
    """

    def __init__(self) -> None:
        self.number: Optional[int] = None
        self._sentence = EARLY
        self._unwinds = self._tells = False
        self._process: Optional[int] = None

    def heed(self) -> None:
        """Answers from now on; until `begin` by ending, for an import has nothing to tidy up."""
        self._process = os.getpid()
        for number in HEEDED:
            # what is ignored stays ignored: nohup, and who starts a child that it ends, mean it so
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, self._heard)

    def expect(self, sentence: str) -> None:
        """What is said when a signal comes."""
        self._sentence = sentence

    def begin(self, tells: bool) -> None:
        """From now on a signal unwinds the work; one that `tells` says itself how it ended."""
        self._unwinds, self._tells = True, tells

    def leave(self) -> None:
        """Ends the process by the exit code of the signal that came; without one, heeds no more.

        At once: what an import left half done may crash when Python tidies it up.
        """
        if self.number is None:  # the work is done: Python's own end is not worth a sentence
            for number in HEEDED:
                if signal.getsignal(number) == self._heard:
                    signal.signal(number, signal.SIG_DFL)
        else:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):  # nobody may read it any more
                    stream.flush()
            os._exit(BY_SIGNAL + self.number)

    def _heard(self, number: int, _: Optional[FrameType]) -> None:
        if os.getpid() != self._process:  # a fork, which is nobody's command
            os._exit(BY_SIGNAL + number)
        if self._tells:
            raise Stopped(number)
        again, self.number = self.number is not None, self.number or number
        if not again:
            self._say()
            _mute()
        if again or not self._unwinds:
            os._exit(BY_SIGNAL + self.number)
        _end_after(PATIENCE_S, BY_SIGNAL + self.number)
        raise Stopped(number)

    def _say(self) -> None:
        """One line, past Python's own buffers: this may be within a write to them."""
        start = "\n" if os.isatty(2) else ""  # a bar of progress may stand there, and ^C
        with suppress(OSError):
            os.write(2, "{}edgejoule: {}\n".format(start, self._sentence).encode("utf8"))


def _mute() -> None:
    """Nothing more is said: not what unwinding complains of, nor Python when it ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _end_after(seconds: float, code: int) -> None:
    """Ends the process then, if it still lives: a `__del__` may have swallowed the exception."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


STOP = Stop()  # signals are a process's own, so there is one
