"""The manifest of a finished bundle: its files and the digest of each. Free of torch.

    {"schema": 1, "files": {"run.json": {"bytes": 8040, "sha256": "..."}, ...},
     "removed": [], "digest": "..."}

It is written last. `digest` is the sha256 of the rest in a canonical form, so that an entry that
is taken out shows as much as a file that is. `removed` names files that this program took away
later, as the traces of old nights. A bundle of an earlier version has no manifest and is read as
ever.

There are two depths. `glance` hashes the record and looks whether the other files are there in
their size: what a list of thousands of bundles can afford. `check` hashes every byte.
"""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

NAME = "manifest.json"
RECORD = "run.json"
SCHEMA = 1
BLOCK = 1 << 20  # bytes that are hashed at a time: weights need not fit into memory
DIGITS = 12  # of a digest, in a sentence
REMEMBERED = 4096  # digests of files that did not change meanwhile; a night asks several times
REMEDY = "fetch the bundle again from where it was made, or delete its folder and run the suite"


class Entry(NamedTuple):
    """A file as it was when the run ended."""

    size: int  # bytes
    sha256: str


class Manifest(NamedTuple):
    """What a bundle's manifest says; of the files in `removed` none need be there."""

    files: Dict[str, Entry]
    removed: List[str]


class Fault(NamedTuple):
    """A file that is not what the manifest says; `told` is one line without its remedy."""

    file: str
    told: str


def text(folder: Path) -> str:
    """The manifest of every file that a folder holds now, as JSON."""
    return _text(Manifest({name: _entry(folder / name) for name in _names(folder)}, []))


def without(folder: Path, file: str) -> Optional[str]:
    """The manifest once `file` has been taken away; None if there is nothing to be written.

    Raises:
        ValueError: the manifest is damaged.
    """
    found = read(folder)
    if found is None or file not in found.files or file in found.removed:
        return None
    return _text(found._replace(removed=found.removed + [file]))


def read(folder: Path) -> Optional[Manifest]:
    """What the manifest of a bundle says; None if it has none.

    Raises:
        ValueError: it cannot be read, or was changed.
    """
    try:
        document = json.loads((folder / NAME).read_bytes().decode("utf8"))
        told = document.pop("digest")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError("{} cannot be read: {}".format(NAME, error.strerror)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("{} is no manifest, or half of one; {}".format(NAME, REMEDY)) from None
    if told != _digest(document):
        raise ValueError(
            "{} was changed: it says that its digest is {:.12}, found {:.12}; {}".format(
                NAME, str(told), _digest(document), REMEDY
            )
        )
    return _parsed(document)


def glance(folder: Path, record: bytes, hashed: bool) -> None:
    """Nothing, if the record is what was written and the other files are there in their size.

    `record` is what run.json holds; `hashed`, that it says a manifest was written.

    Raises:
        ValueError: names the file, what was expected and what was found.
    """
    found = _manifest(folder, hashed)
    if found is None:
        return
    kept = found.files.get(RECORD)
    if kept is None or (kept.size, kept.sha256) != (len(record), _sha256(record)):
        _refuse(Fault(RECORD, _changed(RECORD, kept, Entry(len(record), _sha256(record)))))
    for name, entry in found.files.items():
        fault = None if name == RECORD else _sized(folder, found, name, entry)
        if fault:
            _refuse(fault)


def check(folder: Path, hashed: bool) -> None:
    """Nothing, if every file of a bundle is what it was when the run ended, to the last byte.

    Raises:
        ValueError: names the first file that is not, what was expected and what was found.
    """
    found = _manifest(folder, hashed)
    for fault in faults(folder, found) if found else ():
        _refuse(fault)


def check_file(folder: Path, name: str) -> None:
    """Nothing, if a file of a bundle that has a manifest is what it was, to the last byte.

    Raises:
        ValueError: it is not; what was expected and what was found.
    """
    found = read(folder)
    if found is not None and name in found.files:
        for fault in faults(folder, found._replace(files={name: found.files[name]})):
            if fault.file == name:
                _refuse(fault)


def faults(folder: Path, found: Manifest) -> Iterator[Fault]:
    """Every file that is not what the manifest says, in the order of their names."""
    if RECORD not in found.files:
        yield Fault(RECORD, "{} does not name {}".format(NAME, RECORD))
    for name, entry in found.files.items():
        fault = _sized(folder, found, name, entry)
        if fault:
            yield fault
        elif (folder / name).exists():
            now = _entry(folder / name)
            if now != entry:
                yield Fault(name, _changed(name, entry, now))


def strangers(folder: Path, found: Manifest) -> List[str]:
    """Files of the folder that the run did not leave; they do no harm."""
    return [name for name in _names(folder) if name not in found.files]


def missing() -> str:
    """What to say of a bundle that lost its manifest."""
    return "{} is gone, and the record says that there was one; {}".format(NAME, REMEDY)


def _manifest(folder: Path, hashed: bool) -> Optional[Manifest]:
    found = read(folder)
    if found is None and hashed:
        raise ValueError(missing())
    return found


def _refuse(fault: Fault) -> None:
    raise ValueError("{}; {}".format(fault.told, REMEDY))


def _sized(folder: Path, found: Manifest, name: str, entry: Entry) -> Optional[Fault]:
    """What is wrong with a file that is gone or has another size; None if nothing is."""
    try:
        size = os.stat("{}/{}".format(folder, name)).st_size  # thousands: no Path for each
    except OSError:
        if name in found.removed:
            return None
        return Fault(name, "{} is gone: {} has it with {} bytes".format(name, NAME, entry.size))
    if size != entry.size:
        return Fault(
            name,
            "{} was changed after the run: {} has it with {} bytes, found {}".format(
                name, NAME, entry.size, size
            ),
        )
    return None


def _changed(name: str, then: Optional[Entry], now: Entry) -> str:
    if then is None:
        return "{} does not name {}".format(NAME, name)
    return (
        "{} was changed after the run: {} has {} bytes with sha256 {:.12}, "
        "found {} with {:.12}".format(name, NAME, then.size, then.sha256, now.size, now.sha256)
    )


def _names(folder: Path) -> List[str]:
    """The files below a folder but the manifest, as paths with slashes, sorted."""
    found = [
        os.path.relpath(os.path.join(place, name), str(folder)).replace(os.sep, "/")
        for place, _, names in os.walk(str(folder))
        for name in names
    ]
    return sorted(name for name in found if name not in (NAME, NAME + ".part"))


def _parsed(document: Any) -> Manifest:
    """The manifest of a document whose digest is right; it may still be a newer writer's."""
    if document.get("schema") != SCHEMA:
        raise ValueError(
            "{} has schema {!r}, this version reads {}; update edgejoule".format(
                NAME, document.get("schema"), SCHEMA
            )
        )
    try:
        files = {
            str(name): Entry(int(entry["bytes"]), str(entry["sha256"]))
            for name, entry in document["files"].items()
        }
        return Manifest(files, [str(name) for name in document["removed"]])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError("{} is no manifest; {}".format(NAME, REMEDY)) from None


def _text(found: Manifest) -> str:
    document: Dict[str, Any] = {
        "schema": SCHEMA,
        "files": {
            name: {"bytes": entry.size, "sha256": entry.sha256}
            for name, entry in found.files.items()
        },
        "removed": found.removed,
    }
    document["digest"] = _digest(document)
    return json.dumps(document, indent=1) + "\n"


def _digest(document: Any) -> str:
    """Of a document whatever its layout and the order of its keys."""
    return _sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode("utf8"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _entry(path: Path) -> Entry:
    state = os.stat(str(path))
    return Entry(state.st_size, _hashed(str(path), state.st_size, state.st_mtime_ns, state.st_ino))


@lru_cache(maxsize=REMEMBERED)
def _hashed(path: str, size: int, mtime_ns: int, inode: int) -> str:
    """The digest of a file; of one that looks as it did, what it was then."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()
