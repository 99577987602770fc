"""The pages over all nights of a history, and the same tables for programs and papers.

index.html    all devices, suites and nights; leads everywhere
nightly.html  the latest night: verdict and changes first
trends.html   every number of every method, night after night
pareto.html   accuracy against joules over the latest nights
"""

from pathlib import Path
from typing import Callable, Dict, List, Optional

from edgejoule.reports import files, tables
from edgejoule.reports.history import front, index_page, night_export, nightly_page, past, trends
from edgejoule.reports.history.nightly_page import Tonight
from edgejoule.reports.tables import Table


def write(
    history: past.Past, tonight: List[Tonight], chosen: Optional[str] = None
) -> Dict[str, Path]:
    """Paths of the pages and tables, by name, written into the folder `history.out`.

    `tonight` are the nights of nightly.html: those `nightly_page.nights` gives for `chosen`.

    Raises:
        ValueError: a file stands where the folder should be.
    """
    return files.write_texts(
        history.out, dict(_pages(history, tonight, chosen), **_tables(history, tonight, chosen))
    )


def _pages(history: past.Past, tonight: List[Tonight], chosen: Optional[str]) -> Dict[str, str]:
    return {
        "index.html": index_page.page(history),
        "trends.html": trends.page(history),
        "nightly.html": nightly_page.page(history, tonight, chosen),
        "pareto.html": front.page(history),
    }


def _tables(history: past.Past, tonight: List[Tonight], chosen: Optional[str]) -> Dict[str, str]:
    """The same tables as Markdown and LaTeX, and plain numbers as CSV."""
    some = {
        "nights": [index_page.table(history)],
        "nightly": [night_export.found(tonight)] + [each.table for each in tonight],
        "pareto": [front.table(history, place) for place in history.places],
    }
    texts = {
        "nights.csv": night_export.nights(history),
        "trends.csv": night_export.trends(history),
        "nightly.csv": night_export.findings(history, chosen),
    }
    for name, each in some.items():
        texts[name + ".md"] = _all(tables.markdown, each)
        texts[name + ".tex"] = _all(tables.latex, each)
    return texts


def _all(writer: Callable[[Table], str], some: List[Table]) -> str:
    return "\n".join(writer(each) for each in some)
