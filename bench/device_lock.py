"""One measurement at a time on one device.

An flock on a file per device: the kernel frees it however its holder dies, kill -9 and loss of
power included. What the file says is for the message to others, never a sign of life.
"""

import fcntl
import json
import os
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterable, Iterator, Optional, Tuple

from edgejoule.devices import choose
from edgejoule.devices.reading import DeviceInfo

BUSY = 75  # EX_TEMPFAIL: the exit code of whoever comes second
FOLDER = "/run/lock"
ASKED = "EDGEJOULE_LOCKS"


class Busy(RuntimeError):
    """Another process holds the device; the message says which."""


class Held:
    """A lock that is held; `tell` changes what others read of its holder."""

    def __init__(self, handle: int):
        self._handle = handle

    def tell(self, what: str) -> None:
        """Writes into the lock file what is going on, for the message to whoever comes second."""
        text = json.dumps({"pid": os.getpid(), "what": what, "since": _now()})
        try:
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text.encode("utf8"), 0)
        except OSError:  # somebody else's file, which we may lock and not write
            return


def path(device: str) -> Path:
    """The lock file of a device: in $EDGEJOULE_LOCKS, else /run/lock, else the temporary folder."""
    if os.environ.get(ASKED):
        folder = Path(os.environ[ASKED])
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = Path(FOLDER)
        if not os.access(str(folder), os.W_OK):
            folder = Path(tempfile.gettempdir())
    return folder / "edgejoule-{}.lock".format(device)


@contextmanager
def hold(device: str, what: str) -> Iterator[Held]:
    """Holds a device while the block runs; at once or not at all, never by waiting.

    Raises:
        Busy: another process holds it; the message names it.
    """
    handle = _open(path(device))
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                "device {} is held by {}; wait for it, or stop it".format(device, _holder(handle))
            ) from None
        held = Held(handle)
        held.tell(what)
        yield held
    finally:
        os.close(handle)


@contextmanager
def real(measures: Iterable[Tuple[str, str]], what: str) -> Iterator[None]:
    """Holds every real sensor that these (sensor name, fake power) name; a fake one needs no lock.

    Raises:
        Busy: another process holds one of them.
    """
    from edgejoule.bench.history import store

    with ExitStack() as stack:
        infos = [look(power, fake) for power, fake in sorted(set(measures)) if not fake]
        for slug in sorted(  # in one order, so that of two who come at once one gets them all
            {
                store.device_slug(info._asdict())
                for info in infos
                if info is not None and info.reason is None and not info.fake
            }
        ):
            stack.enter_context(hold(slug, what))
        yield


def look(power: str, fake: str) -> Optional[DeviceInfo]:
    """The `DeviceInfo` of a sensor; None if it does not answer, as the run itself will report."""
    try:
        device = choose.open(power, fake_power=fake or None)
    except RuntimeError:
        return None
    try:
        return device.info()
    finally:
        device.close()


def _open(file: Path) -> int:
    """A handle of the lock file, made for everybody if it is not there.

    In a sticky folder like /tmp the kernel refuses O_CREAT on another's file, even one that is
    open to everybody (fs.protected_regular); so it is opened without, made if it is not there,
    opened again if somebody else was quicker, and at last only for reading.
    """
    reason: Optional[OSError] = None
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDWR, os.O_RDONLY):
        try:
            handle = os.open(str(file), flags | os.O_CLOEXEC, 0o666)
        except (FileNotFoundError, FileExistsError, PermissionError) as error:
            reason = error
            continue
        if flags & os.O_CREAT:
            os.fchmod(handle, 0o666)  # the mode above is less what the umask takes away
        return handle
    raise RuntimeError(
        "the lock {} cannot be opened: {}; name another folder with {}".format(
            file, reason.strerror if reason else "nobody says why", ASKED
        )
    )


def _holder(handle: int) -> str:
    """Who holds the lock, as the lock file says."""
    try:
        found = json.loads(os.pread(handle, 4096, 0).decode("utf8"))
        return "process {} ({}, since {})".format(found["pid"], found["what"], found["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that left no word"


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
