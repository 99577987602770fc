"""Prove the meter: errors on traces with known joules, the interval's coverage, its own cost.

With Zeus installed (pip install zeus==0.16.0) its code runs on the same traces.
exit codes: 0 every promise holds, 1 one does not
"""

import json
import platform
from argparse import ArgumentParser, Namespace
from typing import Any, Dict, Optional

from edgejoule.devices import options
from edgejoule.devices.proof import accuracy, counter_wrap, coverage, overhead, zeus

HERTZ_LIMITS = ((10.0, 0.003), (100.0, 0.03))  # share of a core
COVERAGE = (0.93, 0.97)  # of intervals that claim 0.95
COVERAGE_TRIALS = 20  # to each window of a row: a share needs more of them than a percentile
EXACT_J = 1e-6


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--trials",
        type=options.count(1),
        default=100,
        metavar="N",
        help="windows per row (default: 100)",
    )
    parser.add_argument(
        "--seconds",
        type=options.positive,
        default=15.0,
        metavar="S",
        help="how long to watch the thread's cost at each rate (default: 15)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code: 1 if a promise is broken."""
    found = figures(args.trials, args.seconds)
    print(json.dumps(found, indent=1) if args.json else text(found))
    return 0 if found["holds"] else 1


def figures(trials: int, seconds: float) -> Dict[str, Any]:
    """Every figure, and whether all promises hold."""
    rows = [accuracy.judged(row, trials) for row in accuracy.ROWS]
    cost = [dict(overhead.least(hertz, seconds), limit=limit) for hertz, limit in HERTZ_LIMITS]
    for each in cost:
        each["holds"] = each["core_share"] <= each["limit"]
    share, off = coverage.coverage(COVERAGE_TRIALS * trials), counter_wrap.joules_off()
    held = [each["holds"] for each in rows + cost]
    held += [COVERAGE[0] <= share <= COVERAGE[1], abs(off["ours"]) < EXACT_J]
    return {
        "python": platform.python_version(),
        "zeus": zeus.version() if zeus.installed() else "zeus not installed",
        "rows": rows,
        "interval_coverage": share,
        "interval_coverage_limits": COVERAGE,
        "rapl_wrap_joules_off": off,
        "sampler": cost,
        "nearer_than_all_on_every_row": all(r["nearer_than_all"] for r in rows),
        "holds": all(held),
    }


def text(found: Dict[str, Any]) -> str:
    """The figures as a table, and the verdict as its last line."""
    lines = [
        "python {python}, {zeus}".format(python=found["python"], zeus=_zeus(found["zeus"])),
        "",
        "{:9} {:9} {:>7} | {:>8} {:>8} {:>8} | others, p95 %".format(
            "power", "sensor", "window", "p95 %", "worst %", "limit %"
        ),
    ]
    lines += [_row(row) for row in found["rows"]]
    lines += [
        "",
        "95 % intervals that hold the truth: {:.1f} % (93 to 97)".format(
            100 * found["interval_coverage"]
        ),
    ]
    lines.append(
        "a 50 J window across a RAPL wrap is off by {:.6f} J{}".format(
            found["rapl_wrap_joules_off"]["ours"], _theirs(found["rapl_wrap_joules_off"]["zeus"])
        )
    )
    lines += [
        "sampling 6 rails at {:g} Hz: {:.2f} % of a core (limit {:g} %)".format(
            c["hertz"], 100 * c["core_share"], 100 * c["limit"]
        )
        for c in found["sampler"]
    ]
    return "\n".join(lines + ["every promise holds" if found["holds"] else "A PROMISE IS BROKEN"])


def _row(row: Dict[str, Any]) -> str:
    limit = "" if row["limit_percent"] is None else "{:.4g}".format(row["limit_percent"])
    others = ", ".join(
        "{} {:.3g}".format(*item) for item in sorted(row["others_p95_percent"].items())
    )
    return "{:9} {:9} {:5.4g} s | {:8.4f} {:8.4f} {:>8} | {}{}".format(
        row["pattern"],
        row["sensor"],
        row["window_s"],
        row["p95_percent"],
        row["worst_percent"],
        limit,
        others,
        "" if row["holds"] and row["nearer_than_all"] else "  <--",
    )


def _theirs(joules: Optional[float]) -> str:
    return "" if joules is None else " (Zeus: {:.0f} J)".format(joules)


def _zeus(version: str) -> str:
    return version if "not" in version else "zeus " + version
