"""The proof's figures as text, no wider than 100 columns; the last line is the verdict."""

from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from edgejoule.devices.proof import load_accuracy

FLAG = "<--"  # a promise is broken, or another tool is nearer
SHORT = {"1 Hz mean x time": "1 Hz mean", "1 Hz sum of reading x dt": "1 Hz sum"}

Found = Dict[str, Any]


def text(found: Found) -> str:
    """The figures of the parts that ran, and the verdict as the last line."""
    lines = ["python {}, {}, {}".format(found["python"], _zeus(found["zeus"]), found["codecarbon"])]
    for key, table in TABLES:
        if key in found:
            lines += [""] + table(found)
    return "\n".join(lines + [""] + _verdict(found))


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> List[str]:
    """Lines of a table whose first row is its head; the first `left` columns begin at the left."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def _loads(found: Found) -> List[str]:
    head = "loads,rate,window,p50 %,p95 %,limit,worst %,bars hold %,worst in bars,ok but outside %"
    rows = [head.split(",") + ["half a bar %", ""]]
    for row in found["loads"]:
        judged = row["trials"] >= load_accuracy.ENOUGH_FOR_P95
        limit = "{:.4g}".format(row["limit_percent"])
        rows.append(
            _load_name(row)
            + [
                _short(row["p50_percent"]),
                _short(row["p95_percent"]),
                limit if judged else "({})".format(limit),
                _short(row["worst_percent"]),
                "{:.1f}".format(100 * row["coverage"]),
                "{:.2g}".format(row["worst_bars"]),
                "{:.1f}".format(100 * row["ok_but_outside"]),
                _short(row["bar_p50_percent"]),
                _flag(row["holds"]),
            ]
        )
    return (
        ["Two-level loads of 12 and 4 W, |error| in %, bars of 95 %"]
        + _two_line_head(rows)
        + [_covered(name, each) for name, each in found["loads_coverage"].items()]
        + ["", "The same loads, p95 of |error| in %"]
        + _two_line_head(_others(found["loads"], ["loads", "rate", "window"], _load_name, _nearer))
    )


def _load_name(row: Found) -> List[str]:
    return [row["loads"], "{:g} Hz".format(row["hertz"]), "{:g} s".format(row["seconds"])]


def _covered(name: str, each: Dict[str, float]) -> str:
    return "{} loads: bars hold the truth in {:.1f} % (93 to 97{})".format(
        name,
        100 * each["coverage"],
        "" if each["windows"] >= load_accuracy.ENOUGH_FOR_SHARE else ", not judged",
    )


def _traces(found: Found) -> List[str]:
    lines: List[str] = []
    for sensors in (("power", "trailing"), ("counter",)):
        mine = [row for row in found["rows"] if row["sensor"] in sensors]
        head = ["power", "sensor", "window", "worst %", "limit"]
        lines += [""] * bool(lines) + ["p95 of |error| in %, and ours at worst"]
        lines += _two_line_head(_others(mine, head, _trace_name, _kept), 2)
    return lines


def _trace_name(row: Found) -> List[str]:
    limit = row["limit_percent"]
    return [
        row["pattern"],
        row["sensor"],
        "{:g} s".format(row["window_s"]),
        _short(row["worst_percent"]),
        "" if limit is None else "{:.4g} {}".format(limit, row["limit_is_on"]),
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
        theirs = [_short(row["others_p95_percent"][tool]) for tool in tools]
        cells.append(name(row) + [_short(row["p95_percent"])] + theirs + [_flag(fine(row))])
    return cells


def _nearer(row: Found) -> bool:
    """True if no other tool's p95 is below ours."""
    return row["nearer_than_all"]


def _kept(row: Found) -> bool:
    return row["nearer_than_all"] and row["holds"]


def _coverage(found: Found) -> List[str]:
    return [
        _covered(
            "noisy",
            {
                "windows": found["interval_coverage_trials"],
                "coverage": found["interval_coverage"],
            },
        ).replace("loads", "sensor")
    ]


def _faults(found: Found) -> List[str]:
    rows = [["fault", "promised", "joules", "of", "status", ""]]
    for row in found["faults"]:
        joules = "none" if row["joules"] is None else "{:.6g}".format(row["joules"])
        rows.append(
            [row["fault"], row["promise"], joules, "{:.6g}".format(row["truth_joules"])]
            + [row["status"], _flag(row["holds"])]
        )
    off = found["rapl_wrap_joules_off"]
    wrap = "a 50 J window across a RAPL wrap is off by {:.6f} J".format(off["ours"])
    return (
        columns(rows, 2)
        + _elsewhere(found["faults"])
        + [wrap + _theirs([("Zeus", off["zeus"]), ("CodeCarbon", off["codecarbon"])])]
    )


def _elsewhere(rows: Iterable[Found]) -> List[str]:
    return [
        "{} of the {}: {:.6g} J".format(tool, row["fault"], joules)
        for row in rows
        for tool, joules in row["others_joules"].items()
    ]


def _theirs(off: Sequence[Tuple[str, Optional[float]]]) -> str:
    known = ["{}: {:.4g} J".format(tool, joules) for tool, joules in off if joules is not None]
    return " ({})".format(", ".join(known)) if known else ""


def _cost(found: Found) -> List[str]:
    rows = [["sampling 6 rails", "of a core %", "limit", "bare reads %", "CPU us a read", ""]]
    for row in found["sampler"]:
        limit = "{:g}".format(100 * row["limit"])
        rows.append(
            [
                "{:g} Hz".format(row["hertz"]),
                "{:.2f}".format(100 * row["core_share"]),
                limit if row["judged"] else "({})".format(limit),
                "{:.2f}".format(100 * row["bare_core_share"]),
                "{:.0f}".format(row["microseconds_per_read"]),
                _flag(row["holds"]),
            ]
        )
    for row in found["others_cost"]:
        each = 1e6 * row["core_share"] * row["seconds"] / max(row["reads"], 1)
        name = "{}, {:g} Hz".format(row["tool"], row["hertz"])
        share = "{:.2f}".format(100 * row["core_share"])
        rows.append([name, share, "", "", "{:.0f}".format(each), ""])
    return columns(rows)


def _day(found: Found) -> List[str]:
    day = found["day"]
    return [
        "a day of {:,} samples of {} rails: {:.1f} MB (at most {:.0f}); {} windows close in "
        "{:.2g} ms,".format(
            day["samples"],
            day["rails"],
            day["bytes_above_start"] / 1e6,
            day["limit_bytes"] / 1e6,
            day["windows"],
            1e3 * day["median_close_s"],
        ),
        "  the slowest in {:.3g} ms (at most {:g}), the whole day in {:.3g} ms  {}".format(
            1e3 * day["worst_close_s"],
            1e3 * day["limit_close_s"],
            1e3 * day["day_close_s"],
            _flag(day["holds"]),
        ).rstrip(),
    ]


def _verdict(found: Found) -> List[str]:
    lines = ["broken: " + sentence for sentence in found["broken"]]
    if found["trials"] < load_accuracy.ENOUGH_FOR_SHARE and "loads" in found:
        lines.append(
            "a p95 of loads is judged from {} windows on, a share of bars from {}: "
            "--trials {} judges all".format(
                load_accuracy.ENOUGH_FOR_P95,
                load_accuracy.ENOUGH_FOR_SHARE,
                load_accuracy.ENOUGH_FOR_SHARE,
            )
        )
    if not found["nearer_than_all_on_every_row"]:
        lines.append("another tool is nearer on a row marked " + FLAG)
    return lines + ["every promise holds" if found["holds"] else "A PROMISE IS BROKEN"]


def _two_line_head(rows: List[List[str]], left: int = 1) -> List[str]:
    """The table with the words of its head spread over two lines, so that it is narrow."""
    halves = [_halves(cell) for cell in rows[0]]
    return columns([[a for a, _ in halves], [b for _, b in halves]] + rows[1:], left)


def _halves(cell: str) -> Tuple[str, str]:
    """The words of a head in two lines of about one length; all in the second if they are few."""
    words = cell.split(" ")
    splits = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(len(words))]
    return splits[0] if len(cell) <= 8 else min(splits, key=lambda lines: max(map(len, lines)))


def _short(percent: float) -> str:
    return "{:.3g}".format(percent) if percent >= 1e-4 else "<0.0001"


def _flag(fine: bool) -> str:
    return "" if fine else FLAG


def _zeus(version: str) -> str:
    return version if "not" in version else "zeus " + version


# (what a part puts into the document, its table)
TABLES = (
    ("loads", _loads),
    ("rows", _traces),
    ("interval_coverage", _coverage),
    ("faults", _faults),
    ("sampler", _cost),
    ("day", _day),
)
