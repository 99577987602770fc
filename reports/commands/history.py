"""The pages over all nights: last night, trends, accuracy against energy, an index of all runs.

Reads the nights under HISTORY (`edgejoule nightly` makes them), and writes pages that need no
network and the same tables as Markdown, CSV and LaTeX.
"""

import argparse
import json
from pathlib import Path
from typing import Dict, List

from edgejoule.reports import terminal
from edgejoule.reports.history import nightly_page, pages, past
from edgejoule.reports.history.nightly_page import Tonight

NOTHING = 3  # exit code: there is no night


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument(
        "--history", default="history", help="where the nights are (default: %(default)s)"
    )
    parser.add_argument("--out", help="folder for the pages (default: HISTORY/report)")
    parser.add_argument("--device", help="only the nights of this device")
    parser.add_argument("--suite", help="only the nights of this suite")
    parser.add_argument(
        "--night", metavar="DATE", help="the night that nightly.html shows (default: the latest)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document instead of text"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 3 if there is not one night."""
    out = Path(args.out) if args.out else Path(args.history) / "report"
    history = past.gather(args.history, out, args.device, args.suite)
    tonight = nightly_page.nights(history, args.night)
    written = pages.write(history, tonight, args.night)
    if args.json:
        print(json.dumps(document(history, tonight, written), indent=1, sort_keys=True))
    else:
        terminal.show(text(tonight, written))
    return 0 if tonight else NOTHING


def document(history: past.Past, tonight: List[Tonight], written: Dict[str, Path]) -> Dict:
    """What the pages open with, as plain JSON."""
    return {
        "headline": nightly_page.headline(tonight),
        "nights": sum(len(each) for each in history.nights.values()),
        "runs": sum(len(rows) for rows in history.rows.values()),
        "tonight": [
            {
                "device": each.device,
                "suite": each.suite,
                "night": each.night,
                "verdict": each.verdict,
                "counts": each.counts,
                "changes": [change._asdict() for change in each.changes + each.others],
            }
            for each in tonight
        ],
        "files": {name: str(path) for name, path in written.items()},
    }


def text(tonight: List[Tonight], written: Dict[str, Path]) -> str:
    """The headline, what changed, and where the pages are."""
    lines = [nightly_page.headline(tonight)]
    for each in tonight:
        lines.append(
            "  {}: {} on {}, night {}".format(
                each.verdict or "not judged", each.suite, each.device, each.night
            )
        )
        lines += [
            "    "
            + " ".join(
                part
                for part in (
                    change.kind,
                    change.label,
                    change.metric,
                    change.size,
                    change.interval,
                    change.confirmed,
                )
                if part
            )
            for change in each.changes
        ]
    return "\n".join(lines + ["", "page   {}".format(written["index.html"])])
