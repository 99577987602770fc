"""Tables and texts for a terminal."""

import sys
import textwrap
from typing import List, Sequence

from edgejoule.reports.tables import Column, Table, headers

# what a terminal without Unicode is shown instead
ASCII = (("±", "+-"), ("÷", "/"), ("≥", ">="), ("–", "-"), ("−", "-"))


def text(table: Table, width: int = 100) -> str:
    """The table for a terminal; columns that do not fit go below, under the first again."""
    lines = [table.title, "=" * len(table.title)]
    head = headers(table.columns)
    for setting, rows in table.blocks():
        lines += ["", setting] if setting else []
        grid = head + [[cell.text for cell in row.cells] for row in rows]
        widths = [max(len(row[i]) for row in grid) for i in range(len(table.columns))]
        for panel in _panels(widths, width):
            lines += [""] + _aligned(grid, len(head), panel, widths, table.columns)
    lines.append("")
    for mark, note in table.notes:
        lines.append(paragraph(("[{}] ".format(mark) if mark else "- ") + note, width))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def paragraph(words: str, width: int) -> str:
    """The words, wrapped and indented under their first line."""
    return textwrap.fill(
        words,
        max(width, 40),
        subsequent_indent="  ",
        break_long_words=False,  # case ids and paths stay whole, so that they can be copied
        break_on_hyphens=False,
    )


def show(text: str) -> None:
    """Prints a text in whatever the terminal can show: a board's may know only ASCII."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in ASCII:
            text = text.replace(sign, plain)
        text = text.encode(encoding, "replace").decode(encoding)
    print(text)


def _panels(widths: List[int], width: int) -> List[List[int]]:
    """Column numbers per panel; the first column opens every panel."""
    panels, used = [[0]], widths[0]
    for i in range(1, len(widths)):
        # a column wider than the terminal still gets a panel of its own
        if used + 2 + widths[i] > width and len(panels[-1]) > 1:
            panels.append([0])
            used = widths[0]
        panels[-1].append(i)
        used += 2 + widths[i]
    return panels


def _aligned(
    grid: Sequence[Sequence[str]],
    height: int,
    panel: List[int],
    widths: List[int],
    columns: Sequence[Column],
) -> List[str]:
    """The rows of one panel, a rule under the first `height`."""
    empty = sum(not any(row[i] for i in panel) for row in grid[:height])
    height -= empty  # lines of the head that only columns of other panels need
    lines = [
        "  ".join(
            row[i].rjust(widths[i]) if columns[i].number else row[i].ljust(widths[i]) for i in panel
        )
        for row in grid[empty:]
    ]
    return lines[:height] + ["-" * max(len(line) for line in lines)] + lines[height:]
