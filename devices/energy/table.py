"""Rows of named numbers in one array: cheap to append to, cut by column."""

from array import array
from typing import Dict, Tuple

UNKNOWN = float("nan")


class Table:
    """Numbers by row and name; a name that a row lacks is NaN there.

    One thread appends, others cut: names and cells are exchanged together.
    """

    def __init__(self) -> None:
        self._laid: Tuple[Tuple[str, ...], array] = ((), array("d"))
        self._rows = 0

    def append(self, row: Dict[str, float]) -> None:
        """Add {name: number}; names that are new widen the rows there are."""
        names, cells = self._laid
        fresh = tuple(name for name in row if name not in names)
        if fresh:
            names, cells = self._laid = self._widened(names + fresh)
        cells.extend([row.get(name, UNKNOWN) for name in names])
        self._rows += 1

    def cut(self, rows: int) -> None:
        """Leave the first so many rows, and nothing of a row that was half added."""
        names, cells = self._laid
        del cells[rows * len(names) :]
        self._rows = rows

    def columns(self, first: int, last: int) -> Dict[str, array]:
        """{name: array [last - first]} of the rows first to last - 1."""
        names, cells = self._laid
        width = len(names)
        return {
            name: cells[first * width + k : last * width : width] for k, name in enumerate(names)
        }

    def _widened(self, names: Tuple[str, ...]) -> Tuple[Tuple[str, ...], array]:
        """The same rows with more names."""
        columns, cells = self.columns(0, self._rows), array("d")
        # seldom: once or twice, when a rail is first read
        for i in range(self._rows):
            cells.extend([columns[name][i] if name in columns else UNKNOWN for name in names])
        return names, cells
