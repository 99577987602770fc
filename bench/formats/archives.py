"""Where the files of a data set are, whether they are the published ones, and fetching them.

Nothing is fetched unless it was asked for, and nothing lands under its own name before its
checksum has been compared.
"""
import hashlib
import os
import shutil
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import Dict, NamedTuple, Sequence

BLOCK = 1 << 20


class Source(NamedTuple):
    """A published data set: its archive, and the md5 of the archive and of files inside it.

    `folders` are the names under which it may lie unpacked, the first that exists is read.
    `url` is "" where the publisher asks for an account.
    """

    name: str
    url: str
    folders: Sequence[str]
    checksums: Dict[str, str]


def folder(source: Source, root, download: bool = False) -> Path:
    """The folder under `root` that holds the data set unpacked; fetched first if asked for."""
    root = Path(root).expanduser()
    found = [root / name for name in source.folders if (root / name).is_dir()]
    if not found and download:
        fetch(source, root)
        found = [root / name for name in source.folders if (root / name).is_dir()]
    if not found:
        raise FileNotFoundError("{}: no {} in {!r} ({}); {}".format(
            source.name, " or ".join(source.folders), str(root), _contents(root), _remedy(source)))
    return found[0]


def file(source: Source, path: Path, verify: bool) -> Path:
    """The path, if a file is there and, when asked, has the published checksum."""
    if not path.is_file():
        raise FileNotFoundError("{}: {!r} is missing ({}: {}); {}".format(
            source.name, str(path), path.parent.name, _contents(path.parent), _remedy(source)))
    expected = source.checksums.get("{}/{}".format(path.parent.name, path.name))
    if verify and expected and md5(path) != expected:
        raise ValueError("{}: {!r} has md5 {}, the published file has {}; {}, or set "
                         "dataset.verify = false to read it as it is".format(
                             source.name, str(path), md5(path), expected, _remedy(source)))
    return path


def md5(path: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    digest = hashlib.md5()
    with open(str(path), "rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def fetch(source: Source, root: Path) -> None:
    """Fetches the archive, compares its md5 and unpacks it under `root`."""
    if not source.url:
        raise ValueError("{}: cannot be fetched without an account; {}".format(
            source.name, _remedy(source)))
    root.mkdir(parents=True, exist_ok=True)
    name = PurePosixPath(source.url).name
    part = root / (name + ".part")
    print("{}: fetching {}".format(source.name, source.url), file=sys.stderr)
    try:
        with urllib.request.urlopen(source.url, timeout=60) as answer:
            with open(str(part), "wb") as stream:
                shutil.copyfileobj(answer, stream, BLOCK)
        if md5(part) != source.checksums[name]:
            raise RuntimeError("{}: {} came with md5 {}, expected {}; try again later".format(
                source.name, source.url, md5(part), source.checksums[name]))
        unpack(part, root)
    except OSError as error:
        raise RuntimeError("{}: could not fetch {} ({}); fetch it on another machine and unpack "
                           "it in {!r}".format(source.name, source.url, error, str(root)))
    finally:
        if part.exists():
            part.unlink()


def unpack(archive: Path, root: Path) -> None:
    """Files of a zip or tar archive under `root`, whole or not at all.

    Only plain files with a path that stays inside are written: no links, no modes, no owners.
    """
    opened = root / (archive.name + ".open")
    shutil.rmtree(str(opened), ignore_errors=True)
    try:
        for name, stream in _members(archive):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise RuntimeError("{!r} holds {!r}, a path outside its folder; it is not "
                                   "unpacked".format(str(archive), name))
            target = opened / str(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(str(target), "wb") as out:
                shutil.copyfileobj(stream, out, BLOCK)
        for entry in sorted(opened.iterdir()):
            os.replace(str(entry), str(root / entry.name))
    finally:
        shutil.rmtree(str(opened), ignore_errors=True)


def _members(archive: Path):
    """(path inside, open stream) of each plain file."""
    if zipfile.is_zipfile(str(archive)):
        with zipfile.ZipFile(str(archive)) as opened:
            for info in opened.infolist():
                if not info.filename.endswith("/"):
                    yield info.filename, opened.open(info)
    else:
        with tarfile.open(str(archive)) as opened:
            for member in opened:
                if member.isfile():
                    yield member.name, opened.extractfile(member)


def _contents(path: Path) -> str:
    """What a folder has, in a few words."""
    if not path.is_dir():
        return "there is no such folder"
    names = sorted(entry.name for entry in path.iterdir())
    return "it has " + ", ".join(names[:6] + ["..."] * (len(names) > 6)) if names else "it is empty"


def _remedy(source: Source) -> str:
    if source.url:
        return "set dataset.download = true to fetch {}".format(source.url)
    return "put {} there, unpacked from {}".format(
        source.folders[0], " and ".join(source.checksums))
