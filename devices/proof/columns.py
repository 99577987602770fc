"""Tables as text: aligned columns under a head of one line or two."""

from typing import List, Sequence, Tuple

FLAG = "<--"  # a promise is broken, or another tool is nearer
WIDE = 7  # letters of a head's words that stay on one line


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> List[str]:
    """Lines of a table whose first row is its head; the first `left` columns begin at the left."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def narrow(rows: List[List[str]], left: int = 1) -> List[str]:
    """The table with the words of its head spread over two lines, so that it is narrow."""
    halves = [_halves(cell) for cell in rows[0]]
    return columns([[a for a, _ in halves], [b for _, b in halves]] + rows[1:], left)


def _halves(cell: str) -> Tuple[str, str]:
    """The words of a head in two lines of about one length; all in the second if they are few."""
    words = cell.split(" ")
    splits = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(len(words))]
    return splits[0] if len(cell) <= WIDE else min(splits, key=lambda lines: max(map(len, lines)))


def short(percent: float) -> str:
    """Three digits of a number of percent."""
    return "{:.3g}".format(percent) if percent >= 1e-4 else "<1e-4"


def flag(fine: bool) -> str:
    """What marks a row that is not fine."""
    return "" if fine else FLAG
