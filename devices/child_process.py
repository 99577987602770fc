"""A command as a child: started, waited for, and told what this process is told.

What ends a process from outside goes on to the command, whose end is then measured as any
other. Ctrl-C does not: a terminal sends it to the command as well.
"""

import errno
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from types import FrameType, TracebackType
from typing import IO, Any, Dict, List, NamedTuple, Optional, Type

FORWARDED = (signal.SIGTERM, signal.SIGHUP)
MISSING, FORBIDDEN = 127, 126  # what every shell gives
BY_SIGNAL = 128  # and the number of the signal that ended it


class Refusal(NamedTuple):
    """Why a command cannot run: a shell's exit code, and a sentence."""

    code: int
    sentence: str


class NotStarted(Exception):
    """The command could not be started; `refusal` says why."""

    def __init__(self, refusal: Refusal):
        Exception.__init__(self, refusal.sentence)
        self.refusal = refusal


class Launcher:
    """Runs commands one after the other, while entered, in the main thread.

    `stopped` is the first signal that asked this process to end, None so far.
    """

    def __init__(self) -> None:
        self.stopped: Optional[int] = None
        self._child: Optional[subprocess.Popen] = None
        self._early: List[int] = []
        self._kept: Dict[int, Any] = {}

    def __enter__(self) -> "Launcher":
        for number in FORWARDED + (signal.SIGINT,):
            # What is ignored stays ignored, here and in the command: nohup means it so.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._kept[number] = signal.signal(number, self._heard)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for number, handler in self._kept.items():
            signal.signal(number, handler)

    def run(self, words: List[str], stdout: Optional[IO[str]] = None) -> int:
        """The command's exit code as a shell would give it; a command that lives is waited for.

        Raises:
            NotStarted: there is no such command, or it may not be executed.
        """
        try:
            self._child = subprocess.Popen(words, stdout=stdout)
        except OSError as error:
            raise NotStarted(_explained(words[0], error)) from None
        while self._early:  # what came before there was a child to send it to
            self._send(self._early.pop(0))
        try:
            code = self._child.wait()
        finally:
            self._child = None
        return code if code >= 0 else BY_SIGNAL - code

    def _heard(self, number: int, _: Optional[FrameType]) -> None:
        """No exception, not even for Ctrl-C: it would tear whatever is being measured."""
        self.stopped = self.stopped or number
        if self._child is None:
            self._early.append(number)
        elif number != signal.SIGINT:
            self._send(number)

    def _send(self, number: int) -> None:
        with suppress(OSError):  # it may have ended meanwhile
            if self._child is not None:
                self._child.send_signal(number)


def refusal(word: str) -> Optional[Refusal]:
    """Why a command of that name cannot run, as far as can be told without trying; None if it can.

    For whoever has something lengthy to do before the command.
    """
    if shutil.which(word):
        return None
    path = word if os.sep in word else shutil.which(word, mode=os.F_OK)
    if path is None or not os.path.exists(path):
        return _refused(MISSING, word, "there is no such command; is it installed and on the PATH?")
    if os.path.isdir(path):
        return _refused(FORBIDDEN, word, "it is a folder")
    return _refused(FORBIDDEN, word, "it may not be executed; chmod +x {}".format(path))


def _explained(word: str, error: OSError) -> Refusal:
    """What a failed start was about."""
    found = refusal(word)
    if found is not None:
        return found
    if isinstance(error, FileNotFoundError):  # it is there, but what its first line names is not
        return _refused(FORBIDDEN, word, "the interpreter that its first line names is missing")
    if error.errno == errno.ENOEXEC:  # shells read such a file as a script of their own
        return _refused(FORBIDDEN, word, "it is no program; begin it with #! and an interpreter")
    return _refused(FORBIDDEN, word, error.strerror or type(error).__name__)


def _refused(code: int, word: str, why: str) -> Refusal:
    return Refusal(code, "measure: cannot run {!r}: {}".format(word, why))
