"""Published tables beside ours as files: a page without network, and plain tables.

Markdown and LaTeX hold all tables in one file; of CSV there is one per table, as columns differ.
"""

from pathlib import Path
from typing import Dict, List, Tuple

from edgejoule.reports import files, markup, sources, tables
from edgejoule.reports.papers import paper_tables, reference_tables
from edgejoule.reports.papers.paper_tables import Filled
from edgejoule.reports.tables import Cell, Column, Row, Table
from edgejoule.reports.words import listed

LEAD = (
    "What the papers printed, digit by digit, and what our runs of the same model, data set, "
    "method and ratio measured. Numbers that contradict others carry an erratum."
)


def write(filled: List[Filled], out: Path, aside: str = "") -> Dict[str, Path]:
    """Paths of what was written, by file name.

    Raises:
        ValueError: a file stands where the folder should be.
    """
    made = [paper_tables.table(each) for each in filled]
    texts = {
        "index.html": page(filled, aside),
        "tables.md": "\n".join(tables.markdown(each) for each in made),
        "tables.tex": "\n".join(tables.latex(each) for each in made),
    }
    for each in filled:
        texts[each.reference.key + ".csv"] = tables.csv_text(paper_tables.records(each))
    return files.write_texts(out, texts)


def page(filled: List[Filled], aside: str = "") -> str:
    """The HTML document: an index, then every table."""
    parts = [
        {
            "anchor": each.reference.key.replace("_", "-"),
            "filled": each,
            "body": markup.render(
                "table.html",
                table=paper_tables.table(each),
                key=each.reference.key.replace("_", "-"),
            ),
        }
        for each in filled
    ]
    fakes = _fakes(filled)
    return str(
        markup.render(
            "papers.html",
            parts=parts,
            lead=LEAD,
            aside=aside,
            fake=listed(fakes),
            label=sources.label_of(fakes[0]).upper() if fakes else "",
            answered=sum(each.answered for each in filled),
            rows=sum(len(each.frame) for each in filled),
            style=markup.Markup((markup.TEMPLATES / "style.css").read_text(encoding="utf8")),
        )
    )


def listing(filled: List[Filled]) -> Table:
    """All tables: how many rows there are, could be answered, and are."""
    return Table(
        "Published tables, and the rows that our runs answer to",
        (
            Column("Table", number=False),
            Column("Rows"),
            Column("Can be run"),
            Column("Have"),
            Column("Errata"),
            Column("Shows", number=False),
        ),
        tuple(Row(tuple(Cell(text) for text in _listing_row(each))) for each in filled),
        (
            (
                "",
                "'edgejoule papers TABLE' shows one beside ours, 'edgejoule papers PAPER' all of a "
                "paper's ({}); --out DIR writes pages and tables".format(
                    ", ".join(reference_tables.PAPERS)
                ),
            ),
        ),
    )


def _listing_row(filled: Filled) -> Tuple[str, ...]:
    reference = filled.reference
    return (
        reference.key,
        str(len(filled.frame)),
        str(filled.possible),
        str(filled.answered),
        str(len(reference.errata)),
        reference.title,
    )


def _fakes(filled: List[Filled]) -> List[str]:
    """Where fake or estimated joules come from."""
    return list(
        dict.fromkeys(power for each in filled for power in each.frame["power"][each.frame["fake"]])
    )
