"""Run bundles on disk: written under a temporary name, renamed when whole. Free of torch.

runs/<suite>/<case_id>/          a finished run; present means done
runs/<suite>/.<case_id>.open/    an attempt: in progress, or interrupted
runs/<suite>/<case_id>.corrupt/  a bundle that could not be read, set aside
"""

import fcntl
import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Tuple, Union

from edgejoule import plugins
from edgejoule.bench import manifest, record_shape, records

RECORD = manifest.RECORD
JOURNAL = "journal"  # folder of an attempt; see `bench.training.journal`


def folder(runs: Union[str, Path], suite: str) -> Path:
    """The folder of a suite's runs, made if it is not there.

    Raises:
        ValueError: something that is no folder stands in its way.
    """
    path = Path(runs) / suite
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            "the runs folder {} cannot be made: a file of that name is in the way; "
            "choose another with --runs".format(path)
        ) from None
    return path


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all, and onto the disk: the one way bench writes files.

    Without the first fsync a power cut may keep the rename and lose the text; without the second
    it may lose the rename, so that what was reported as done is not.
    """
    # always the same name: what a killed writer leaves behind, the next one overwrites
    temporary = path.with_name(path.name + ".part")
    try:
        with open(str(temporary), "w", encoding="utf8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(temporary), str(path))
    except BaseException as error:  # a full disk, Ctrl-C: what was there stays, what was begun goes
        if temporary.exists():
            temporary.unlink()
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # writing names none, only opening does
        raise
    sync(path.parent)


def sync(directory: Path) -> None:
    """Puts a folder's entries onto the disk."""
    handle = os.open(str(directory), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def begin(suite_folder: Path, case_id: str) -> Tuple[Path, int]:
    """(a folder to work in, which attempt this is); attempts survive a kill -9.

    Of an earlier attempt only the journal of its finished phases is left.
    """
    path = open_folder(suite_folder, case_id)
    attempts = attempts_so_far(path) + 1
    path.mkdir(exist_ok=True)
    for each in path.iterdir():
        if each.is_dir() and each.name != JOURNAL:
            shutil.rmtree(str(each), ignore_errors=True)
        elif not each.is_dir():
            each.unlink()
    write_text(path / "attempts", str(attempts))
    return path, attempts


def attempts_so_far(path: Path) -> int:
    """How often a case was begun without being finished."""
    try:
        return int((path / "attempts").read_text())
    except (OSError, ValueError):
        return 1 if path.is_dir() else 0


def open_folder(suite_folder: Path, case_id: str) -> Path:
    """Where an attempt at a case works."""
    return suite_folder / ".{}.open".format(case_id)


def finish(path: Path, suite_folder: Path, case_id: str) -> Path:
    """Makes an attempt a finished bundle in one step."""
    shutil.rmtree(str(path / JOURNAL), ignore_errors=True)
    write_text(path / manifest.NAME, manifest.text(path))
    # everything is on the disk before the rename that says so
    for each in path.iterdir():
        with open(str(each), "rb") as file:
            os.fsync(file.fileno())
    sync(path)
    final = suite_folder / case_id
    os.rename(str(path), str(final))
    sync(suite_folder)
    return final


def is_done(suite_folder: Path, case_id: str) -> bool:
    """True if a whole bundle is there; a broken one is named and set aside as `<id>.corrupt`."""
    path = suite_folder / case_id
    if not path.exists():
        return False
    try:
        check(path)
        return True
    except ValueError as error:
        aside = _free(suite_folder / (case_id + ".corrupt"))
        os.rename(str(path), str(aside))
        print("edgejoule: {}; set aside as {}".format(error, aside.name), file=sys.stderr)
        return False


def read(path: Path) -> records.RunRecord:
    """The record of one bundle; its other files are there in their size (`manifest.glance`).

    Raises:
        ValueError: names the bundle and what is wrong with it.
    """
    try:
        text = (path / RECORD).read_bytes()
        record = records.from_json(text.decode("utf8"))
        manifest.glance(path, text, record.hashed)
        record_shape.check(record)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError("bundle {}: {}".format(path, error)) from None
    return record


def check(path: Path) -> records.RunRecord:
    """The record of one bundle whose every byte is what it was when the run ended.

    Raises:
        ValueError: names the bundle, the file, what was expected and what was found.
    """
    record = read(path)
    try:
        manifest.check(path, record.hashed)
    except (OSError, ValueError) as error:
        raise ValueError("bundle {}: {}".format(path, error)) from None
    return record


def scan(suite_folder: Path) -> Iterator[Path]:
    """Finished bundles of a suite, readable or not, in name order; a report's folder is none."""
    return (
        path
        for path in sorted(suite_folder.iterdir())
        if (path / RECORD).exists()
        and not path.name.startswith(".")
        and ".corrupt" not in path.name
    )


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Holds a lock file; the kernel frees it when the holder dies, however it dies.

    Raises:
        ValueError: another process holds it.
    """
    with open(str(path), "a+") as file:  # not "w": the holder's pid in it must stay readable
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise ValueError(
                "{} is in use by process {}; wait for it, or stop it".format(
                    what, file.read().strip() or "unknown"
                )
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def write_suite(
    suite_folder: Path, name: str, question: str, note: str, cases: List[Tuple[str, str]]
) -> None:
    """Writes what the suite asked for, so that a report knows what is missing.

    `cases` are (case id, label).
    """
    document = {
        "schema": records.SCHEMA,
        "name": name,
        "question": question,
        "note": note,
        "cases": [{"case_id": case_id, "label": label} for case_id, label in cases],
    }
    if plugins.used():  # the report has sections of the user's own
        document["plugins"] = plugins.used()
    write_text(suite_folder / "suite.json", json.dumps(document, indent=1) + "\n")


def _free(path: Path) -> Path:
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_name("{}-{}".format(path.name, number))
    return candidate
