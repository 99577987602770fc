"""The page and the tables of a suite's runs.

Reads the run bundles under RUNS/SUITE, prints the table and the verdict, and writes a page that
needs no network and the same tables as Markdown, CSV and LaTeX. A bundle that cannot be read is
named and set aside; what was not measured is said, never shown as 0.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Dict

from edgejoule.bench.records import CONVENTIONS
from edgejoule.reports import (
    doubts,
    export,
    files,
    gather,
    load,
    markup,
    phase_costs,
    results,
    terminal,
    verdict,
)
from edgejoule.reports.gather import Report
from edgejoule.reports.words import plural

FOLDER = "report"
NOTHING = 3  # exit code: no run could be reported


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument(
        "suite",
        nargs="?",
        metavar="SUITE",
        help="name of a suite under RUNS, or a folder of run bundles "
        "(default: the only suite there is)",
    )
    parser.add_argument("--runs", default="runs", help="where runs are kept (default: %(default)s)")
    parser.add_argument(
        "--out", help="folder for the page and tables (default: RUNS/SUITE/{})".format(FOLDER)
    )
    parser.add_argument(
        "--convention",
        default="exact",
        metavar="NAME",
        help="how FLOPs are counted: {} (default: %(default)s)".format(", ".join(CONVENTIONS)),
    )
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        help="report bundles too that are no case of the suite any more",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document instead of text"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 3 if not one run could be reported."""
    folder = load.find(args.suite, args.runs)
    out = Path(args.out) if args.out else folder / FOLDER
    report = gather.report(folder, args.everything, args.convention, markup.link(out, folder))
    written = files.write(report, out)
    if args.json:
        print(json.dumps(document(report, written), indent=1, sort_keys=True))
    else:
        terminal.show(text(report, written, shutil.get_terminal_size((100, 24)).columns))
    return 0 if report.bundles.runs else NOTHING


def document(report: Report, written: Dict[str, Path]) -> Dict:
    """The report as plain JSON."""
    found = report.bundles
    return {
        "suite": found.name,
        "question": found.question,
        "power": report.power._asdict(),
        "convention": report.convention,
        "runs": len(found.runs),
        "verdict": [each._asdict() for each in verdict.findings(report)],
        "methods": export.methods(report),
        "warnings": [
            {"warning": words, "case_ids": list(ids)} for words, ids in doubts.doubts(report)
        ],
        "missing": [each._asdict() for each in found.missing],
        "set_aside": [each._asdict() for each in found.aside],
        "files": {kind: str(path) for kind, path in written.items()},
    }


def text(report: Report, written: Dict[str, Path], width: int) -> str:
    """The report for a terminal: tables, warnings, verdict, paths."""
    parts = [report.bundles.question or "The question of this suite is not recorded.", ""]
    if report.bundles.runs:
        parts += [
            terminal.text(results.results(report), width),
            terminal.text(phase_costs.phases(report), width),
        ]
    found = doubts.doubts(report)
    if found:
        parts += (
            ["Warnings", "========"]
            + [
                terminal.paragraph(
                    "- {}{}".format(words, " ({})".format(plural(len(ids), "run")) if ids else ""),
                    width,
                )
                for words, ids in found
            ]
            + [""]
        )
    parts += ["Verdict", "======="] + [
        terminal.paragraph("- {}: {}".format(each.topic, each.text), width)
        for each in verdict.findings(report)
    ]
    parts += [
        "",
        "page   {}".format(written["page"]),
        "tables {}".format(
            ", ".join(str(written[kind]) for kind in ("markdown", "csv", "latex", "runs"))
        ),
    ]
    return "\n".join(parts)
