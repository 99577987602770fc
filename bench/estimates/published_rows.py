"""The rows of papers' tables that a suite fills, as text at the end of its plan."""

from typing import Any, Dict, Iterator, List, Tuple

NONE = "\npublished rows that this suite fills: none"
HEAD = "\npublished rows that this suite fills, each with the first of the cases that answer to it:"
KEYS = 40  # characters of row names on a line


def lines(tables: List[Dict[str, Any]]) -> Iterator[str]:
    """A block for each table; `tables` are those of `reports.papers.planned_rows.published`."""
    yield HEAD if tables else NONE
    for table in tables:
        yield _title(table)
        for names, cases in _by_case(table["filled"]):
            yield "    {:{}} <- {}".format(names, KEYS, _cases(cases))
        for words, count in _differences(table["filled"]):
            yield "    not as published, in {}: {}".format(_rows(count), words)


def _title(table: Dict[str, Any]) -> str:
    filled, possible = len(table["filled"]), table["can_be_run"]
    lacking = [(possible - filled, "by no case"), (table["rows"] - possible, "without counterpart")]
    return "\n  {}, table {} of {}: {} of {}{}".format(
        table["table"],
        table["number"],
        table["paper"],
        filled,
        _rows(table["rows"]),
        "".join("; {} {}".format(count, words) for count, words in lacking if count),
    )


def _by_case(filled: List[Dict[str, Any]]) -> List[Tuple[str, List[str]]]:
    """(the rows in words, the cases that fill them): one run may answer to all its rounds."""
    found: Dict[Tuple[str, ...], List[str]] = {}
    for each in filled:
        found.setdefault(tuple(each["cases"]), []).append(each["row"])
    return [(_joined(rows), list(cases)) for cases, rows in found.items()]


def _joined(rows: List[str]) -> str:
    """Rows in words; of those after the first only what tells them apart, its last word."""
    return ", ".join(rows[:1] + [row.rpartition(" ")[2] for row in rows[1:]])


def _cases(cases: List[str]) -> str:
    more = len(cases) - 1
    if not more:
        return cases[0]
    return "{} and {} more seed{}".format(cases[0], more, "" if more == 1 else "s")


def _differences(filled: List[Dict[str, Any]]) -> List[Tuple[str, int]]:
    """(what differs from the paper's training, in how many rows), each once."""
    found: Dict[str, int] = {}
    for each in filled:
        words = ", ".join("{} {} (paper: {})".format(*gap) for gap in each["differences"])
        if words:
            found[words] = found.get(words, 0) + 1
    return list(found.items())


def _rows(count: int) -> str:
    return "{} row{}".format(count, "" if count == 1 else "s")
