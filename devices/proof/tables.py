"""The proof's figures as text, no wider than 100 columns; the last line is the verdict."""

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from edgejoule.devices.proof import accuracy_tables, load_accuracy
from edgejoule.devices.proof.columns import FLAG, columns, flag

Found = Dict[str, Any]


def text(found: Found) -> str:
    """The figures of the parts that ran, and the verdict as the last line."""
    lines = ["python {}, {}, {}".format(found["python"], _zeus(found["zeus"]), found["codecarbon"])]
    for key, table in TABLES:
        if key in found:
            lines += [""] + table(found)
    return "\n".join(lines + [""] + _verdict(found))


def _faults(found: Found) -> List[str]:
    rows = [["fault", "promised", "joules", "of", "status", ""]]
    for row in found["faults"]:
        joules = "none" if row["joules"] is None else "{:.6g}".format(row["joules"])
        rows.append(
            [row["fault"], row["promise"], joules, "{:.6g}".format(row["truth_joules"])]
            + [row["status"], flag(row["holds"])]
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
                flag(row["holds"]),
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
            flag(day["holds"]),
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


def _zeus(version: str) -> str:
    return version if "not" in version else "zeus " + version


# (what a part puts into the document, its table)
TABLES = (
    ("loads", accuracy_tables.loads),
    ("rows", accuracy_tables.traces),
    ("interval_coverage", accuracy_tables.coverage),
    ("faults", _faults),
    ("sampler", _cost),
    ("day", _day),
)
