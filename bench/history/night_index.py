"""The index of the history: a cache of rows in SQLite, rebuilt from the bundles at any time.

A row counts only while size and time of its `run.json` and its own checksum are what they were;
a broken, locked, read-only or absent index costs time, never a number. Within SQLite 3.22.
"""

import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple, Union

from edgejoule.bench.history import night_rows

NAME = "index.sqlite"
TABLE = "bundles_1"  # another name when `night_rows.Facts` changes
CREATE = (
    "CREATE TABLE IF NOT EXISTS {} (path TEXT PRIMARY KEY, stamp TEXT, body TEXT, "
    "checksum INTEGER)".format(TABLE)
)
PATIENCE_S = 1.0  # then another process is left to write, and we read the bundles ourselves

Folder = Union[str, Path]


class Place(NamedTuple):
    """Where a bundle lies: its path below the history, and what its record's file looks like."""

    path: str
    stamp: str


def facts(history: Folder, places: List[Place]) -> Dict[str, night_rows.Facts]:
    """{path: facts} of these bundles: from the index where it is right, else from the disk."""
    known = _known(history, places)
    new = {
        place: night_rows.read(Path(history) / place.path)
        for place in places
        if place.path not in known
    }
    _learn(history, new)
    known.update({place.path: found for place, found in new.items()})
    return known


def _known(history: Folder, places: List[Place]) -> Dict[str, night_rows.Facts]:
    """What the index knows of these bundles, where its rows are whole and of today's files."""
    stamps = {place.path: place.stamp for place in places}
    found = {}
    for path, stamp, body, checksum in _rows(history):
        if stamps.get(path) == stamp and checksum == _checksum(path, stamp, body):
            try:
                found[path] = night_rows.Facts(*json.loads(body))
            except (ValueError, TypeError):  # not what we wrote: read the bundle
                continue
    return found


def _rows(history: Folder) -> List[Tuple[Any, ...]]:
    """(path, stamp, body, checksum) of every row; [] if the index cannot be read."""
    if not (Path(history) / NAME).is_file():
        return []
    try:
        with closing(_open(history)) as index:
            return index.execute(
                "SELECT path, stamp, body, checksum FROM {}".format(TABLE)
            ).fetchall()
    except (sqlite3.Error, UnicodeDecodeError, OverflowError):
        return []


def _learn(history: Folder, new: Dict[Place, night_rows.Facts]) -> None:
    """Keeps new rows if it can; an index that is no database is begun anew."""
    rows = [_row(place, found) for place, found in new.items() if found.status != "broken"]
    if not rows or not Path(history).is_dir():
        return
    try:
        _write(history, rows)
    except sqlite3.OperationalError:  # locked, read-only, disk full: next time
        return
    except sqlite3.Error:
        _begin_anew(history, rows)


def _begin_anew(history: Folder, rows: List[Tuple[Any, ...]]) -> None:
    try:
        (Path(history) / NAME).unlink()
        _write(history, rows)
    except (OSError, sqlite3.Error):
        return


def _write(history: Folder, rows: List[Tuple[Any, ...]]) -> None:
    with closing(_open(history)) as index:
        with index:
            index.execute(CREATE)
            index.executemany("INSERT OR REPLACE INTO {} VALUES (?, ?, ?, ?)".format(TABLE), rows)


def _row(place: Place, found: night_rows.Facts) -> Tuple[Any, ...]:
    body = json.dumps(list(found), separators=(",", ":"))
    return place.path, place.stamp, body, _checksum(place.path, place.stamp, body)


def _checksum(path: Any, stamp: Any, body: Any) -> int:
    """Of a row's text; a file that was torn may hold anything in these columns."""
    return zlib.crc32("\0".join((str(path), str(stamp), str(body))).encode("utf8", "replace"))


def _open(history: Folder) -> sqlite3.Connection:
    return sqlite3.connect(str(Path(history) / NAME), timeout=PATIENCE_S)
