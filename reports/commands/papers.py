"""The result tables of the papers this tool grew from, side by side with our runs.

Without TABLE it lists the tables and how many of their rows our runs answer to. A row is answered
by runs of the same model, data set, method and ratio; "not run" where there are none.

  edgejoule papers                        what there is
  edgejoule papers spline_2 --runs runs   one table beside ours
  edgejoule papers spline --out tables    a page, Markdown, LaTeX and CSV of a paper's tables
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Dict, List, Optional

from edgejoule.reports import terminal
from edgejoule.reports.papers import own_runs, paper_page, paper_tables, reference_tables
from edgejoule.reports.papers.paper_tables import Filled


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument(
        "table",
        nargs="?",
        metavar="TABLE",
        help="a table such as spline_2, or a paper such as spline",
    )
    parser.add_argument(
        "--runs", nargs="+", metavar="R", help="folders of runs (default: runs, if it is there)"
    )
    parser.add_argument(
        "--history",
        metavar="H",
        help="the latest night of every suite there counts too (default: history, if it is there)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document instead of text"
    )
    parser.add_argument("--out", metavar="DIR", help="write a page and the tables there")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0; a published table is worth showing without a run of ours."""
    chosen = reference_tables.read([args.table] if args.table else [])
    pool = own_runs.gather(args.runs, args.history)
    filled = [paper_tables.fill(reference, pool) for reference in chosen]
    aside = own_runs.aside_words(pool)
    written = paper_page.write(filled, Path(args.out), aside) if args.out else {}
    if args.json:
        print(json.dumps(document(filled, pool, written), indent=1, sort_keys=True))
    else:
        width = shutil.get_terminal_size((100, 24)).columns
        terminal.show(text(args.table, filled, aside, written, width))
    return 0


def document(filled: List[Filled], pool: own_runs.Pool, written: Dict[str, Path]) -> Dict:
    """The tables as plain JSON."""
    return {
        "runs": pool.count,
        "set_aside": pool.aside,
        "tables": [
            {
                "table": each.reference.key,
                "paper": each.reference.paper,
                "number": each.reference.number,
                "title": each.reference.title,
                "rows": paper_tables.records(each),
                "can_be_run": each.possible,
                "have": each.answered,
                "notes": list(each.reference.notes),
            }
            for each in filled
        ],
        "files": {name: str(path) for name, path in written.items()},
    }


def text(
    asked: Optional[str], filled: List[Filled], aside: str, written: Dict[str, Path], width: int
) -> str:
    """The tables asked for, or without a name the listing of all; and where files are."""
    shown = [paper_tables.table(each) for each in filled] if asked else [paper_page.listing(filled)]
    parts = [terminal.text(each, width) for each in shown] + ([aside] if aside else [])
    if written:
        parts.append("page   {}".format(written["index.html"]))
    return "\n".join(parts)
