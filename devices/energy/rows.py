"""Columns of samples, the newest in memory and the older ones in a file without a name.

A day at 20 Hz with twelve rails is two hundred megabytes: too many to keep beside a training.
One thread appends while others wait; who reads sees whole rows.
"""

import os
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from edgejoule.devices.energy.table import Table

# rows of one part; read back and summed in about a millisecond, and a day has some 3400 of them
PART = 512
COLUMNS = 4  # times_s, starts_s, watts, joules; the rails lie behind them, row by row


class Slice(NamedTuple):
    """Columns [n] of neighbouring samples; NaN where a column has no value.

    A sample stands for the time from its `starts_s` to that of the next.
    """

    times_s: array
    starts_s: array
    watts: array
    joules: array
    rails: Dict[str, array]

    def columns(self) -> List[array]:
        """All but the rails, in the order of the fields."""
        return [self.times_s, self.starts_s, self.watts, self.joules]


class Part(NamedTuple):
    """Where rows lie that are no longer in memory."""

    names: Tuple[str, ...]
    offset: int
    rows: int


class Rows:
    """Samples in the order of their times; `append` is for one thread."""

    def __init__(self) -> None:
        self.firsts_s = array("d")  # of every part but the last, where its first row begins
        self.trouble: Optional[str] = None  # why the older rows are still in memory, if they are
        self._parts: List[Any] = []  # of each full part where it lies, or the Slice itself
        self._file: Optional[Any] = None
        self._size = 0
        self._read: Tuple[int, Optional[Slice]] = (-1, None)  # the part read last
        self._begin()

    def __len__(self) -> int:
        return PART * len(self._parts) + len(self._times)

    def append(
        self, time_s: float, start_s: float, watts: float, joules: float, rails: Dict[str, float]
    ) -> None:
        """Add a row; `times_s` grows last, so that no reader sees half of it."""
        if len(self._times) == PART:
            self._put_away()
        self._mend()
        self._rails.append(rails)
        self._starts.append(start_s)
        self._watts.append(watts)
        self._joules.append(joules)
        self._times.append(time_s)

    def last_s(self) -> Optional[float]:
        """The time of the newest row; None without any."""
        if self._times:
            return self._times[-1]
        return self.slice(len(self) - 1, len(self)).times_s[0] if len(self) else None

    def part_at(self, moment_s: float) -> int:
        """The number of the part whose rows begin at that moment or before it; 0 if none does."""
        if self._starts and self._starts[0] <= moment_s:
            return len(self._parts)
        return max(bisect_right(self.firsts_s, moment_s) - 1, 0)

    def place(self, moment_s: float) -> int:
        """How many rows are of that moment or before it."""
        part = self.part_at(moment_s)
        return PART * part + bisect_right(self._part(part).times_s, moment_s)

    def before(self, moment_s: float) -> int:
        """How many rows are before that moment."""
        part = self.part_at(moment_s)
        return PART * part + bisect_left(self._part(part).times_s, moment_s)

    def slice(self, first: int, last: int) -> Slice:
        """The rows first to last - 1."""
        first, last = max(first, 0), min(last, len(self))
        numbers = range(first // PART, (max(last, first + 1) - 1) // PART + 1)
        pieces = [
            _cut(self._part(n), max(first - n * PART, 0), min(last - n * PART, PART))
            for n in numbers
        ]
        return pieces[0] if len(pieces) == 1 else _joined(pieces)

    def _mend(self) -> None:
        """Take out what was half added when a Ctrl-C came between two columns."""
        rows = len(self._times)
        self._rails.cut(rows)
        for column in (self._starts, self._watts, self._joules):
            del column[rows:]

    def _begin(self) -> None:
        self._times, self._starts = array("d"), array("d")
        self._watts, self._joules = array("d"), array("d")
        self._rails = Table()

    def _part(self, number: int) -> Slice:
        """A whole part; the rows still in memory are the last."""
        if number == len(self._parts):
            rails = self._rails.columns(0, len(self._times))
            return Slice(self._times, self._starts, self._watts, self._joules, rails)
        if isinstance(self._parts[number], Slice):
            return self._parts[number]
        if self._read[0] != number:
            self._read = (number, self._read_back(self._parts[number]))
        found = self._read[1]
        assert found is not None  # it was just read
        return found

    def _put_away(self) -> None:
        """Move the rows in memory into the file; they stay where they are if it takes none."""
        whole = self._part(len(self._parts))
        try:
            self._parts.append(self._written(whole))
        except OSError as error:  # a full disk must not cost a sample
            self.trouble = "samples stay in memory, for {} takes none: {}".format(
                tempfile.gettempdir(), error.strerror or error
            )
            self._parts.append(whole)
        self.firsts_s.append(whole.starts_s[0])
        self._begin()

    def _written(self, whole: Slice) -> Part:
        if self._file is None:
            # closed, and with it gone, when the record is
            self._file = tempfile.TemporaryFile(buffering=0, prefix="edgejoule-")  # noqa: SIM115
        columns = whole.columns() + list(whole.rails.values())
        data = b"".join(column.tobytes() for column in columns)
        if os.pwrite(self._file.fileno(), data, self._size) != len(data):
            raise OSError("wrote less than was asked for")
        part = Part(tuple(whole.rails), self._size, len(whole.times_s))
        self._size += len(data)
        return part

    def _read_back(self, part: Part) -> Slice:
        assert self._file is not None  # there is a part only after a write
        width = 8 * part.rows
        data = os.pread(self._file.fileno(), width * (COLUMNS + len(part.names)), part.offset)
        found = []
        for at in range(0, len(data), width):
            column = array("d")
            column.frombytes(data[at : at + width])
            found.append(column)
        return _sliced(found[:COLUMNS], dict(zip(part.names, found[COLUMNS:])))


def _cut(whole: Slice, first: int, last: int) -> Slice:
    rails = {name: column[first:last] for name, column in whole.rails.items()}
    return _sliced([column[first:last] for column in whole.columns()], rails)


def _joined(pieces: List[Slice]) -> Slice:
    """Slices one after another; a rail that one of them lacks is NaN there."""
    columns = [_chained(list(column)) for column in zip(*(piece.columns() for piece in pieces))]
    names = {name: None for piece in pieces for name in piece.rails}
    unknown = [array("d", [float("nan")]) * len(piece.times_s) for piece in pieces]
    rails = {
        name: _chained([p.rails.get(name, gap) for p, gap in zip(pieces, unknown)])
        for name in names
    }
    return _sliced(columns, rails)


def _sliced(columns: List[array], rails: Dict[str, array]) -> Slice:
    times, starts, watts, joules = columns
    return Slice(times, starts, watts, joules, rails)


def _chained(columns: List[array]) -> array:
    found = array("d")
    for column in columns:
        found.extend(column)
    return found


def known(times: array, values: array) -> Tuple[List[float], List[float]]:
    """Times and values without the rows that have no value, which are NaN."""
    total = sum(values)
    if total == total:  # one NaN makes the sum NaN: most columns are told in one quick pass
        return list(times), list(values)
    rows = [(t, v) for t, v in zip(times, values) if v == v]
    return [t for t, _ in rows], [v for _, v in rows]
