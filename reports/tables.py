"""A table once, written as Markdown or LaTeX (booktabs); dicts as CSV.

Every writer escapes what its reader would obey: HTML and emphasis in Markdown, commands in
LaTeX, formulas in a spreadsheet that opens the CSV.
"""

import csv
import io
import textwrap
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Tuple

RULES = str.maketrans({c: "\\" + c for c in "\\`*_{}[]|#~"})
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "÷": r"$\div$",
    "≥": r"$\ge$",
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "…": r"\dots{}",
    "\ufffd": "?",
    "[": "{[}",
    "]": "{]}",  # after a row's end a bare [ is an option
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "·": r"$\cdot$",
}
LATEX.update({c: "\\" + c for c in "{}$&#%_"})


class Cell(NamedTuple):
    """What a cell says: the value, its spread, letters of its footnotes.

    `span` rows share the cell; 0 marks a place that an earlier cell covers.
    """

    main: str
    extra: str = ""
    marks: Tuple[str, ...] = ()
    span: int = 1

    @property
    def text(self) -> str:
        """Value, spread and marks on one line."""
        marks = "".join("[{}]".format(mark) for mark in self.marks)
        return " ".join(part for part in (self.main, self.extra, marks) if part)


class Column(NamedTuple):
    """A column: its header with the unit, in long and, for narrow places, in short words."""

    header: str
    number: bool = True


class Row(NamedTuple):
    """The cells of one row; `setting` heads a block of rows if there are several blocks."""

    cells: Tuple[Cell, ...]
    setting: str = ""
    strong: bool = False


class Table(NamedTuple):
    """`notes` are (letter or "", sentence)."""

    title: str
    columns: Tuple[Column, ...]
    rows: Tuple[Row, ...]
    notes: Tuple[Tuple[str, str], ...]

    def blocks(self) -> List[Tuple[str, List[Row]]]:
        """(setting, rows) in order."""
        settings = dict.fromkeys(row.setting for row in self.rows)
        return [(each, [row for row in self.rows if row.setting == each]) for each in settings]


class Notes:
    """Collects footnotes; the same sentence gets the same letter."""

    def __init__(self, *general: str):
        self.general = general
        self.marked: Dict[str, str] = {}  # sentence -> letter

    def mark(self, sentence: str) -> str:
        """The letter of a footnote."""
        return self.marked.setdefault(sentence, _letters(len(self.marked)))

    def all(self) -> Tuple[Tuple[str, str], ...]:
        """(letter, sentence) of every note, general ones first with no letter."""
        return tuple(
            [("", each) for each in self.general]
            + [(letter, each) for each, letter in self.marked.items()]
        )


def headers(columns: Sequence[Column], width: int = 14) -> List[Tuple[str, ...]]:
    """The headers as lines of cells of at most `width` letters, the last words at the bottom.

    So the numbers below decide how wide a column is, not the words over them.
    """
    cells = [textwrap.wrap(column.header, width, break_long_words=False) for column in columns]
    height = max(len(cell) for cell in cells)
    return list(zip(*([""] * (height - len(cell)) + cell for cell in cells)))


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, its notes below."""
    lines = ["### " + _markdown(table.title), ""]
    for setting, rows in table.blocks():
        lines += ["**{}**".format(_markdown(setting)), ""] if setting else []
        lines.append(_pipes(_markdown(column.header) for column in table.columns))
        lines.append(_pipes("---:" if column.number else "---" for column in table.columns))
        lines += [_pipes(_markdown(cell.text) for cell in row.cells) for row in rows] + [""]
    lines += ["- {}{}".format("[{}] ".format(m) if m else "", _markdown(n)) for m, n in table.notes]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """The table for LaTeX with the booktabs package, caption first, notes in small print."""
    kinds = "".join("r" if column.number else "l" for column in table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        r"\caption{%s}" % _latex(table.title),
        r"\begin{tabular}{%s}" % kinds,
        r"\toprule",
    ] + [_ampersands(line) for line in headers(table.columns)]
    for setting, rows in table.blocks():
        lines.append(r"\midrule")
        if setting:
            lines.append(
                r"\multicolumn{%d}{l}{\emph{%s}} \\" % (len(table.columns), _latex(setting))
            )
        lines += [_ampersands(cell.text for cell in row.cells) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\smallskip\footnotesize\raggedright"]
    lines += [
        _latex("{}{}".format("[{}] ".format(m) if m else "", n)) + r"\par" for m, n in table.notes
    ]
    return "\n".join(lines + [r"\end{table}"]) + "\n"


def csv_text(rows: Iterable[Dict[str, Any]]) -> str:
    """Dicts with the same keys as CSV: six digits, whole numbers whole, unknown empty."""
    rows = list(rows)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(list(rows[0]) if rows else [])
    for row in rows:
        writer.writerow([_csv(value) for value in row.values()])
    return buffer.getvalue()


def _letters(number: int) -> str:
    """The mark of a footnote, counted from 0: a to z, then aa, ab, ..."""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


def _pipes(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ampersands(cells: Iterable[str]) -> str:
    return " & ".join(_latex(cell) for cell in cells) + r" \\"


def _markdown(value: str) -> str:
    return "".join(ENTITIES.get(c, c) for c in value).translate(RULES)


def _latex(value: str) -> str:
    return "".join(LATEX.get(c, c) for c in value)


def _csv(value: Any) -> str:
    if value is None or value != value:  # NaN, which pandas writes for unknown, differs from itself
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return str(value).lower()
    if isinstance(value, str):
        # a spreadsheet would run what begins like a formula
        return "'" + value if value[:1] in "=+-@\t\r" and value else value
    return str(int(value)) if value == int(value) else "{:.6g}".format(value)
