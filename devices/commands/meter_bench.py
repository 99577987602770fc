"""Prove the meter: its errors, its bars, its faults and its cost, on joules known exactly.

Everything but the cost passes in virtual time. With Zeus and CodeCarbon installed
(pip install zeus==0.16.0 codecarbon==3.3.2) their code runs on the same power beside ours.
Acceptance is --trials 1000; with fewer some limits are printed and not judged.
exit codes: 0 every promise holds, 1 one does not
"""

import json
import platform
from argparse import ArgumentParser, Namespace
from typing import Any, Dict, List, Optional, Sequence

from edgejoule.devices import options
from edgejoule.devices.proof import codecarbon, tables, zeus
from edgejoule.devices.proof.parts import PARTS, Part
from edgejoule.devices.proof.progress import Progress

TRIALS = 400  # judges all but single rows' shares, and is done in five minutes on two cores


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--trials",
        type=options.count(1),
        default=TRIALS,
        metavar="N",
        help="windows per row (default: {}; acceptance: 1000)".format(TRIALS),
    )
    parser.add_argument(
        "--seconds",
        type=options.positive,
        default=15.0,
        metavar="S",
        help="how long to watch the thread's cost at each rate (default: 15)",
    )
    parser.add_argument(
        "--only",
        metavar="PARTS",
        help="parts to run, with commas between: " + ", ".join(part.name for part in PARTS),
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code: 1 if a promise is broken.

    Raises:
        ValueError: there is no such part.
    """
    found = figures(args.trials, args.seconds, chosen(args.only))
    print(json.dumps(found, indent=1) if args.json else tables.text(found))
    return 0 if found["holds"] else 1


def chosen(names: Optional[str]) -> List[Part]:
    """The parts of these names, with commas between; all of them for None.

    Raises:
        ValueError: there is none of that name.
    """
    known = {part.name: part for part in PARTS}
    asked = list(known) if names is None else [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in known:
            raise ValueError(
                "--only: asked for {!r}; the parts are {}".format(name, ", ".join(known))
            )
    return [part for part in PARTS if part.name in asked]


def figures(trials: int, seconds: float, parts: Sequence[Part] = PARTS) -> Dict[str, Any]:
    """Every figure of these parts, and whether all promises hold."""
    found: Dict[str, Any] = {
        "python": platform.python_version(),
        "zeus": zeus.version() if zeus.installed() else "zeus not installed",
        "codecarbon": codecarbon.state(),
        "trials": trials,
        "parts": [part.name for part in parts],
    }
    broken: List[str] = []
    progress = Progress(sum(part.expected_s(trials, seconds) for part in parts))
    for part in parts:
        part_figures = part.run(trials, seconds, progress)
        broken += part.broken(part_figures)
        found.update(part_figures)
    progress.clear()
    rows = found.get("rows", []) + found.get("loads", [])
    found["nearer_than_all_on_every_row"] = all(row["nearer_than_all"] for row in rows)
    return dict(found, broken=broken, holds=not broken)
