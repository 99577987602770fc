"""Markdown tables for the generated pages."""

from typing import Iterable, List


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> List[str]:
    """The lines of a table, and an empty one after it."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads)] + [list(row) for row in rows]
    return ["| {} |".format(" | ".join(_cell(each) for each in line)) for line in lines] + [""]


def _cell(text: str) -> str:
    """Text that ends no cell and opens no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;") or " "
