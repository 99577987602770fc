"""The report's CSV files again: rows, means, spreads, ratios to dense and their intervals."""

import csv
import math
from pathlib import Path
from statistics import mean, median_high, median_low, stdev
from typing import Any, Dict, List, Optional, Tuple

from edgejoule.bench.records import CONVENTIONS, RunRecord, total
from edgejoule.bench.verify.outcome import Outcome

RUNS, TABLE = "report/runs.csv", "report/table.csv"
DIGITS = 1e-5  # relative: six digits are written
ENOUGH = 3  # pairs from which on low and high are a bootstrap interval
MEANS = {
    "accuracy": "accuracy",
    "params": "final_params",
    "forward_macs": "final_macs",
    "seconds": "seconds",
    "flops_exact": "flops_exact",
}
RATIOS = {"seconds": "seconds", "joules": "joules", "flops": "flops_exact"}
Values = Dict[str, Optional[float]]
Key = Tuple[str, str]


def check(folder: Path, known: Dict[str, RunRecord], outcome: Outcome) -> None:
    """Compares the tables of a report with the records, if it is a report of these records."""
    try:
        rows, table = _read(folder / "runs.csv"), _read(folder / "table.csv")
    except FileNotFoundError:
        outcome.skip("ratios and intervals", "there is no report; `edgejoule report` makes one")
        return
    except (OSError, ValueError, csv.Error) as error:
        outcome.differs(RUNS, "what is there", "a table", " ".join(str(error).split()))
        return
    ids = [row.get("case_id") or "" for row in rows]
    if not set(ids) <= set(known):
        outcome.skip("ratios and intervals", "the report was made of other bundles than these")
        return
    values = {case_id: _values(known[case_id]) for case_id in ids}
    for row, case_id in zip(rows, ids):
        for name, told in values[case_id].items():
            if row.get(name) and told is not None:
                _number("{} {} of {}".format(RUNS, name, case_id), row[name], told, outcome)
    _methods(rows, table, values, known, outcome)


def _methods(
    rows: List[Dict[str, str]],
    table: List[Dict[str, str]],
    values: Dict[str, Values],
    known: Dict[str, RunRecord],
    outcome: Outcome,
) -> None:
    """One row of the table per method: its means and spreads, its ratios seed by seed."""
    seeds: Dict[Key, Dict[str, Values]] = {}
    dense: Dict[str, Dict[str, Values]] = {}
    for row in rows:
        own = values[row["case_id"]]
        seeds.setdefault((row["setting"], row["label"]), {})[row["seed"]] = own
        if known[row["case_id"]].case["prune"]["recipe"] == "dense":
            dense.setdefault(row["setting"], {})[row["seed"]] = own
    for row in table:
        own_seeds = seeds.get((row.get("setting") or "", row.get("method") or ""))
        if own_seeds is None:
            outcome.skip("a row of " + TABLE, "no run of its method is known")
            continue
        what = "{} {} ".format(TABLE, row["method"])
        _number(what + "n", row["n"], len(own_seeds), outcome)
        _means(what, row, list(own_seeds.values()), outcome)
        for name, value in RATIOS.items():
            _ratio(
                what, row, name, _paired(own_seeds, dense.get(row["setting"], {}), value), outcome
            )


def _means(what: str, row: Dict[str, str], own: List[Values], outcome: Outcome) -> None:
    for name, value in MEANS.items():
        every = [each[value] for each in own]
        found = [each for each in every if each is not None]
        if len(found) == len(own) and row.get(name + "_mean"):
            _number(what + name + "_mean", row[name + "_mean"], mean(found), outcome)
            if len(found) > 1 and row.get(name + "_sd"):
                _number(what + name + "_sd", row[name + "_sd"], stdev(found), outcome)


def _ratio(
    what: str, row: Dict[str, str], name: str, ratios: List[float], outcome: Outcome
) -> None:
    stored = row.get(name + "_ratio")
    if not stored or str(len(ratios)) != row.get(name + "_ratio_n"):
        return
    what += name + "_ratio"
    # the median of logarithms: of an even number the geometric mean of the two in the middle
    middle = math.sqrt(median_low(ratios) * median_high(ratios))
    _number(what, stored, middle, outcome)
    low, high = row[name + "_ratio_low"], row[name + "_ratio_high"]
    if len(ratios) < ENOUGH:
        _number(what + "_low", low, min(ratios), outcome)
        _number(what + "_high", high, max(ratios), outcome)
        return
    # a bootstrap of the median lies between the smallest ratio and the largest, round the median
    margin = DIGITS * max(ratios)
    outcome.within(what + "_low", _float(low), min(ratios), middle, "its seeds", margin)
    outcome.within(what + "_high", _float(high), middle, max(ratios), "its seeds", margin)
    outcome.skip("bootstrap intervals", "bounded by the seeds they are drawn from")


def _paired(own: Dict[str, Values], dense: Dict[str, Values], name: str) -> List[float]:
    pairs = [(each[name], dense[seed][name]) for seed, each in own.items() if seed in dense]
    return [a / b for a, b in pairs if a is not None and b]


def _values(record: RunRecord) -> Values:
    """What a row of runs.csv has of a run, in the report's own names."""
    found: Values = {
        "accuracy": record.accuracy,
        "final_params": record.final["params"],
        "final_macs": record.final["forward_macs"],
        "seconds": total(phase["seconds"] for phase in record.phases),
        "joules": total(phase["joules"] for phase in record.phases),
    }
    for name in CONVENTIONS:
        found["flops_" + name] = total(phase["flops"].get(name) for phase in record.phases)
    return found


def _number(what: str, stored: str, told: float, outcome: Outcome) -> None:
    outcome.near(what, _float(stored), told, "the records", DIGITS * abs(told))


def _float(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _read(path: Path) -> List[Dict[str, str]]:
    with open(str(path), encoding="utf8", newline="") as file:
        return [{str(k): str(v or "") for k, v in row.items()} for row in csv.DictReader(file)]
