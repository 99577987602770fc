"""A table as plain text for a terminal."""
import textwrap

from reports.tables import Table

WRAP = 14  # characters of a header's line


def text(table: Table, width: int = 100) -> str:
    """The table for a terminal; columns that do not fit go below, under the first again."""
    lines = [table.title, "=" * len(table.title)]
    for setting, rows in table.blocks():
        lines += ["", setting] if setting else []
        grid = [_headers(table.columns)] + [[[c.text] for c in row.cells] for row in rows]
        for panel in _panels(_widths(grid), width):
            lines += [""] + _aligned(grid, panel, _widths(grid), table.columns)
    lines.append("")
    for mark, note in table.notes:
        lines.append(paragraph(("[{}] ".format(mark) if mark else "- ") + note, width))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def paragraph(words: str, width: int) -> str:
    """The words, wrapped and indented under their first line."""
    return textwrap.fill(words, max(width, 40), subsequent_indent="  ")


def _headers(columns):
    """Each header as lines of a few words, so that the numbers decide the width."""
    return [_lines(column.header, WRAP) for column in columns]


def _lines(words: str, width: int):
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = (lines[-1] + " " + word).strip()
    return lines


def _widths(grid):
    return [max(len(line) for row in grid for line in row[i]) for i in range(len(grid[0]))]


def _panels(widths, width: int):
    """Column numbers per panel; the first column opens every panel."""
    panels, used = [[0]], widths[0]
    for i in range(1, len(widths)):
        if used + 2 + widths[i] > width and len(panels[-1]) > 1:
            panels.append([0])
            used = widths[0]
        panels[-1].append(i)
        used += 2 + widths[i]
    return panels


def _aligned(grid, panel, widths, columns):
    height = max(len(grid[0][i]) for i in panel)
    head = [[([""] * (height - len(grid[0][i])) + grid[0][i])[k] for i in panel]
            for k in range(height)]
    body = [[row[i][0] for i in panel] for row in grid[1:]]
    lines = ["  ".join(cell.rjust(widths[i]) if columns[i].number else cell.ljust(widths[i])
                       for cell, i in zip(row, panel)) for row in head + body]
    lines.insert(height, "-" * max(len(line) for line in lines))
    return lines
