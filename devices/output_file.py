"""A file that is known to be writable before there is anything to write into it.

What takes minutes to measure must not be lost to a misspelt folder at the end.
"""

import io
import os
from contextlib import suppress
from typing import Any, Callable, Optional, TextIO


class OutputFile:
    """Writes `path` once, whole or not at all, through a temporary file that is opened at once.

    Pipes and devices, such as /dev/stdout, are written to directly.

    Raises:
        ValueError: it cannot be written; the sentence begins with `option`, which named it.
    """

    def __init__(self, path: str, option: str):
        self.path, self._option = path, option
        self._place = os.path.realpath(path)  # of a link the file is replaced, not the link
        self._temporary: Optional[str] = None
        try:
            self._file = self._opened()
        except OSError as error:
            raise ValueError(
                "{} {}: cannot be written: {}; choose another file".format(
                    option, path, error.strerror or error
                )
            ) from None

    def write(self, fill: Callable[[TextIO], Any]) -> Optional[str]:
        """None once `fill(file)` has written it; else a sentence, and `path` is as it was."""
        try:
            fill(self._file)
            self._finish()
        except (OSError, ValueError) as error:
            self.discard()
            return "{} {}: was not written: {}".format(
                self._option, self.path, getattr(error, "strerror", None) or error
            )
        return None

    def discard(self) -> None:
        """Leave nothing behind, unless it has been written."""
        temporary, self._temporary = self._temporary, None
        with suppress(OSError):  # a full disk: closing flushes what was still to be written
            self._file.close()
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)

    def _opened(self) -> TextIO:
        if os.path.exists(self._place) and not os.path.isfile(self._place):
            return _text_file(self._place)  # a folder is refused here
        if os.path.exists(self._place) and not os.access(self._place, os.W_OK):
            raise OSError(0, "it may not be overwritten")
        # always the same name: what a killed writer leaves behind, the next one overwrites
        self._temporary = self._place + ".part"
        return _text_file(self._temporary)

    def _finish(self) -> None:
        self._file.flush()
        if self._temporary is not None:
            os.fsync(self._file.fileno())  # else a power cut may keep the name and lose the text
            os.replace(self._temporary, self._place)
            self._temporary = None
        self._file.close()


def _text_file(path: str) -> TextIO:
    # a command's words may hold bytes that are no UTF-8; as escapes they are JSON still
    return io.open(path, "w", encoding="utf8", errors="backslashreplace")
