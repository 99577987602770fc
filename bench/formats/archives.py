"""Where the files of a data set are, whether they are the published ones, and fetching them.

Nothing is fetched unless it was asked for, and nothing lands under its own name before its
checksum has been compared: a folder that exists is whole.
"""

import fcntl
import hashlib
import http.client
import os
import shutil
import sys
import tarfile
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

BLOCK = 1 << 20  # bytes read at a time: an archive may be larger than the memory
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")


class Source(NamedTuple):
    """A published data set: where it is fetched, and the md5 of its archives and files by name.

    `folders` are the names under which it may lie, the first that exists is read and the first
    of all takes what comes as single files. `urls` is empty where the publisher asks for an
    account.
    """

    name: str
    urls: Sequence[str]
    folders: Sequence[str]
    checksums: Dict[str, str]


def folder(source: Source, root: Union[str, Path], download: bool = False) -> Path:
    """The folder under `root` that holds the data set unpacked; fetched first if asked for.

    Raises:
        FileNotFoundError: there is none, and it was not to be fetched.
    """
    root = Path(root).expanduser()
    if download and not _found(source, root):
        fetch(source, root)
    found = _found(source, root)
    if not found:
        raise FileNotFoundError(
            "{}: no {} in {!r} ({}); {}".format(
                source.name, " or ".join(source.folders), str(root), contents(root), _remedy(source)
            )
        )
    return found[0]


def file(source: Source, path: Path, verify: bool) -> Path:
    """The path, if a file is there and, when asked, has the published checksum.

    Raises:
        FileNotFoundError: no file is there.
        ValueError: its checksum is another one.
    """
    if not path.is_file():
        raise FileNotFoundError(
            "{}: {!r} is missing ({}); {}".format(
                source.name, str(path), contents(path.parent), _again(source, path.parent)
            )
        )
    expected = source.checksums.get(path.name)
    if verify and expected and md5(path) != expected:
        raise ValueError(
            "{}: {!r} has md5 {}, the published file has {}; {}, or set "
            "dataset.verify = false to read it as it is".format(
                source.name, str(path), md5(path), expected, _again(source, path.parent)
            )
        )
    return path


def contents(path: Path) -> str:
    """What a folder has, in a few words."""
    if not path.is_dir():
        return "there is no such folder"
    names = sorted(entry.name for entry in path.iterdir())
    return "it has " + ", ".join(names[:6] + ["..."] * (len(names) > 6)) if names else "it is empty"


def md5(path: Path) -> str:
    """The md5 of a file, in hexadecimal; md5 because that is what publishers give."""
    digest = hashlib.md5()
    with open(str(path), "rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def fetch(source: Source, root: Path) -> None:
    """Fetches every file of a source, compares its md5 and moves the whole under `root`.

    Cases side by side may ask at once: one of them fetches, the others wait for it.

    Raises:
        ValueError: the publisher asks for an account.
        RuntimeError: the network failed, or sent something else.
    """
    if not source.urls:
        raise ValueError(
            "{}: cannot be fetched without an account; {}".format(source.name, _remedy(source))
        )
    try:
        with _alone(root):
            if not _found(source, root):  # another case may have fetched it meanwhile
                _fetch(source, root)
    except (OSError, http.client.HTTPException) as error:
        raise RuntimeError(
            "{}: could not fetch {} ({}); fetch it on another machine and unpack it in {!r}".format(
                source.name, " ".join(source.urls), error, str(root)
            )
        ) from error


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Waits until no other process fetches anything into a folder."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(str(root), os.O_RDONLY)  # the folder itself: a lock file would stay in it
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fetch(source: Source, root: Path) -> None:
    # on the same file system as `root`, so that moving is renaming
    opened = root / (source.folders[0].replace("/", "-") + ".part")
    shutil.rmtree(str(opened), ignore_errors=True)
    try:
        for url in source.urls:
            _take(source, url, opened)
        for entry in sorted(opened.iterdir()):
            os.replace(str(entry), str(root / entry.name))
    finally:
        shutil.rmtree(str(opened), ignore_errors=True)  # whatever went wrong, nothing half is left


def _take(source: Source, url: str, opened: Path) -> None:
    """One file of a source: checked, and unpacked if it is an archive."""
    name = PurePosixPath(url).name
    is_archive = name.endswith(ARCHIVES)
    path = opened / name if is_archive else opened / source.folders[0] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    print("{}: fetching {}".format(source.name, url), file=sys.stderr)
    with urllib.request.urlopen(url, timeout=60) as answer, open(str(path), "wb") as stream:
        shutil.copyfileobj(answer, stream, BLOCK)
    if md5(path) != source.checksums[name]:
        raise RuntimeError(
            "{}: {} came with md5 {}, expected {}; try again later".format(
                source.name, url, md5(path), source.checksums[name]
            )
        )
    if is_archive:
        unpack(path, opened)
        path.unlink()


def unpack(archive: Path, root: Path) -> None:
    """The plain files of a zip or tar archive under `root`; no links, no modes, no owners.

    Not by `extractall`, which in older Pythons follows an archive's paths and links anywhere.

    Raises:
        RuntimeError: a path inside leads out of `root`.
    """
    for name, stream in _members(archive):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise RuntimeError(
                "{!r} holds {!r}, a path outside its folder; it is not unpacked".format(
                    archive.name, name
                )
            )
        target = root / str(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(str(target), "wb") as out:
            shutil.copyfileobj(stream, out, BLOCK)


def _members(archive: Path) -> Iterator[Tuple[str, IO[bytes]]]:
    """(path inside, open stream) of each plain file."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(str(archive)) as opened:
            for info in opened.infolist():
                if not info.filename.endswith("/"):
                    yield info.filename, opened.open(info)
    else:
        with tarfile.open(str(archive)) as opened:
            for member in opened:
                stream = opened.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield member.name, stream


def _found(source: Source, root: Path) -> List[Path]:
    """The folders of a source that exist under `root`, which may itself be one of them."""
    inside = [root / name for name in source.folders]
    return [path for path in inside + [root] * (root.name in source.folders) if path.is_dir()]


def _remedy(source: Source) -> str:
    if source.urls:
        return "set dataset.download = true to fetch {}".format(" and ".join(source.urls))
    return "put {} there, unpacked from {}".format(
        source.folders[0], " and ".join(source.checksums)
    )


def _again(source: Source, path: Path) -> str:
    if source.urls:
        return "remove {!r} and set dataset.download = true to fetch it again".format(str(path))
    return "unpack {} again".format(" and ".join(source.checksums))
