"""Files that appear whole or not at all, whatever ends the program that writes them."""

import os
import tempfile
from types import TracebackType
from typing import Optional, Type, Union

FilePath = Union[str, "os.PathLike[str]"]


class Replacement:
    """A temporary file beside `path`, which takes its place at the end of a `with` block.

    The block gets the temporary file's name and writes it. If it raises, `path` stays as it was. Of
    several writers at once the last wins, and no lock file can be left behind.
    """

    def __init__(self, path: FilePath) -> None:
        self.path = os.path.abspath(str(path))
        folder, name = os.path.split(self.path)
        # in the same folder, because only within one file system a rename is a single step
        handle, self.temporary = tempfile.mkstemp(prefix=name, suffix=".tmp", dir=folder)
        os.close(handle)

    def __enter__(self) -> str:
        return self.temporary

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        try:
            if kind is None:
                _flush(self.temporary)  # else a power cut may leave the new name with no content
                os.replace(self.temporary, self.path)
                _flush(os.path.dirname(self.path))
            elif isinstance(error, OSError) and error.filename in (None, self.temporary):
                _name(error, self.path)
        finally:
            if os.path.exists(self.temporary):
                os.unlink(self.temporary)


def write(path: FilePath, content: Union[bytes, memoryview]) -> None:
    """Writes a file of the usual permissions, whole or not at all.

    Raises:
        OSError: it cannot be written; names the file, as the error of a full disk does not.
    """
    temporary = os.path.abspath(str(path)) + ".part"
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
        _flush(temporary)
        os.replace(temporary, str(path))
    except BaseException as error:  # Ctrl-C too leaves nothing half written beside the file
        if os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            _name(error, str(path))
        raise


def _name(error: OSError, path: str) -> None:
    """Names the file, which the error of a full disk does not."""
    if error.errno is not None:  # else Python 3.6 prints the name in place of the message
        error.filename = path


def _flush(path: str) -> None:
    """Waits until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
