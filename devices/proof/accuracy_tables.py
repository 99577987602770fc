"""The errors and the bars of the proof as text, beside other tools'."""

from typing import Any, Callable, Dict, List

from edgejoule.devices.proof import load_accuracy
from edgejoule.devices.proof.columns import flag, narrow, short

SHORT = {"1 Hz mean x time": "1 Hz mean", "1 Hz sum of reading x dt": "1 Hz sum"}
WORST = {"worst": " max", "p95": ""}  # what a limit holds for

Found = Dict[str, Any]


def loads(found: Found) -> List[str]:
    """Lines on two-level loads: our errors and bars, then every tool's errors."""
    head = "loads,rate,window,p50 %,p95 %,limit,worst %,bars hold %,worst in bars,ok but outside %"
    rows = [head.split(",") + ["half a bar %", ""]]
    for row in found["loads"]:
        judged = row["trials"] >= load_accuracy.ENOUGH_FOR_P95
        limit = "{:.4g}".format(row["limit_percent"])
        rows.append(
            _load_name(row)
            + [
                short(row["p50_percent"]),
                short(row["p95_percent"]),
                limit if judged else "({})".format(limit),
                short(row["worst_percent"]),
                "{:.1f}".format(100 * row["coverage"]),
                "{:.2g}".format(row["worst_bars"]),
                "{:.1f}".format(100 * row["ok_but_outside"]),
                short(row["bar_p50_percent"]),
                flag(row["holds"]),
            ]
        )
    return (
        ["Two-level loads of 12 and 4 W, |error| in %, bars of 95 %"]
        + narrow(rows)
        + [
            _covered(name + " loads", each["windows"], each["coverage"])
            for name, each in found["loads_coverage"].items()
        ]
        + ["", "The same loads, p95 of |error| in %"]
        + narrow(_others(found["loads"], ["loads", "rate", "window"], _load_name, _nearer))
    )


def _load_name(row: Found) -> List[str]:
    return [row["loads"], "{:g} Hz".format(row["hertz"]), "{:g} s".format(row["seconds"])]


def _covered(name: str, windows: float, share: float) -> str:
    return "{}: bars hold the truth in {:.1f} % (93 to 97{})".format(
        name, 100 * share, "" if windows >= load_accuracy.ENOUGH_FOR_SHARE else ", not judged"
    )


def traces(found: Found) -> List[str]:
    """Lines on constant power and training, through power and through counters."""
    lines: List[str] = []
    for sensors in (("power", "trailing"), ("counter",)):
        mine = [row for row in found["rows"] if row["sensor"] in sensors]
        head = ["power", "sensor", "window", "worst %", "limit"]
        lines += [""] * bool(lines) + ["p95 of |error| in %, and ours at worst"]
        lines += narrow(_others(mine, head, _trace_name, _kept), 2)
    return lines


def _trace_name(row: Found) -> List[str]:
    limit = row["limit_percent"]
    return [
        row["pattern"],
        row["sensor"],
        "{:g} s".format(row["window_s"]),
        short(row["worst_percent"]),
        "" if limit is None else "{:.4g}{}".format(limit, WORST[row["limit_is_on"]]),
    ]


def _others(
    rows: List[Found],
    head: List[str],
    name: Callable[[Found], List[str]],
    fine: Callable[[Found], bool],
) -> List[List[str]]:
    """Cells of a table of p95: what a row is, ours, every other tool's, a flag if it isn't fine."""
    tools = list(rows[0]["others_p95_percent"])
    cells = [head + ["ours"] + [SHORT.get(tool, tool) for tool in tools] + [""]]
    for row in rows:
        theirs = [short(row["others_p95_percent"][tool]) for tool in tools]
        cells.append(name(row) + [short(row["p95_percent"])] + theirs + [flag(fine(row))])
    return cells


def _nearer(row: Found) -> bool:
    """True if no other tool's p95 is below ours."""
    return row["nearer_than_all"]


def _kept(row: Found) -> bool:
    return row["nearer_than_all"] and row["holds"]


def coverage(found: Found) -> List[str]:
    """The line on a noisy sensor's bars."""
    windows, share = found["interval_coverage_trials"], found["interval_coverage"]
    return [_covered("noisy sensor", windows, share)]
