"""Pandas frames of a suite's runs: one row per run, per epoch, per phase, per group, per method.

Unknown is NaN in a frame and never filled. Works on pandas 1.1.5 and 3.1: only text, floats
and tuples in columns, no pickles, no time stamps.
"""

import json
from typing import Dict, List, Sequence, Tuple

import pandas

from edgejoule.bench.records import CONVENTIONS, RunRecord
from edgejoule.reports import load, rows, sources, spread, surroundings
from edgejoule.reports.words import plain

SPREADS = (
    "accuracy",
    "final_params",
    "final_macs",
    "seconds",
    "joules",
    "joules_known",
    "epoch_seconds",
    "epoch_joules",
) + tuple("flops_" + name for name in CONVENTIONS)
SMALL_PART = 0.01  # share of a run's seconds: joules missing there are below any spread
RATIOS = (
    "seconds",
    "joules",
    "epoch_seconds",
    "epoch_joules",
    "final_params",
    "final_macs",
) + tuple("flops_" + name for name in CONVENTIONS)


def runs(bundles: load.Bundles) -> pandas.DataFrame:
    """One row per run with the columns of `rows.Parts.row`, and `setting`: its block in words."""
    table = [dict(run.parts.row) for run in bundles.runs]
    words = _settings([run.record for run in bundles.runs], [row["block"] for row in table])
    for row in table:
        row["setting"] = words[row["block"]]
    frame = pandas.DataFrame(table)
    for column in ("accuracy", "ratio") + SPREADS:
        if column in frame:
            frame[column] = frame[column].astype(float)  # else a column of None holds objects
    return frame


def methods(frame: pandas.DataFrame) -> pandas.DataFrame:
    """One row per block and method, from the frame of `runs`.

    Columns: labels, `n` runs, each of `SPREADS` as a `Spread` or None, each of `RATIOS` as
    `<name>_ratio`, a `Ratio` to the block's dense runs or None, and `bound_ratio`: a lower bound
    of `joules_ratio` where a small part was not measured. Dense comes first in its block, the
    random control next; the rest keeps its order.
    """
    if not len(frame):
        return pandas.DataFrame()
    found: Dict[Tuple[str, str], List[Dict]] = {}
    dense: Dict[str, List[Dict]] = {}
    places: Dict[str, int] = {}
    for row in frame.to_dict("records"):  # grouping in pandas costs 15 ms a method
        places.setdefault(row["block"], len(places))
        found.setdefault((row["block"], row["method"]), []).append(row)
        if row["dense"]:
            dense.setdefault(row["block"], []).append(row)
    table = [_method(members, dense.get(block, ())) for (block, _), members in found.items()]
    table.sort(key=lambda row: (places[row["block"]], not row["dense"], not row["random"]))
    _tell_apart(table)
    return pandas.DataFrame(table)


def _method(members: List[Dict], baseline: Sequence[Dict]) -> Dict:
    """One method's runs as a row, beside the dense runs of its block."""
    row = {
        name: members[0][name]
        for name in (
            "block",
            "setting",
            "method",
            "label",
            "dense",
            "random",
            "ratio",
            "last_phase",
        )
    }
    row["n"] = len(members)
    row["unmeasured"] = float(max(each["unmeasured"] for each in members))
    row["case_ids"] = tuple(each["case_id"] for each in members)
    row["seeds"] = tuple(each["seed"] for each in members)
    for name in ("reasons", "doubts", "epoch_reasons", "beside"):
        row[name] = tuple(dict.fromkeys(words for each in members for words in each[name]))
    for name in SPREADS:
        row[name] = spread.spread([each[name] for each in members])
    for name in RATIOS:
        row[name + "_ratio"] = (
            None
            if row["dense"]
            else spread.ratio(_by_seed(members, name), _by_seed(baseline, name))
        )
    # dense training must be known whole: a bound below a bound says nothing
    row["bound_ratio"] = None
    if row["joules_ratio"] is None and not row["dense"] and row["unmeasured"] <= SMALL_PART:
        row["bound_ratio"] = spread.ratio(
            _by_seed(members, "joules_known"), _by_seed(baseline, "joules")
        )
    return row


def _by_seed(members: Sequence[Dict], name: str) -> Dict[int, float]:
    return {each["seed"]: each[name] for each in members if rows.is_comparable(each, name)}


def _tell_apart(table: List[Dict]) -> None:
    """Gives every row its `name`: the label, with what differs where methods share a label."""
    named: Dict[Tuple[str, str], List[Dict]] = {}
    for row in table:
        named.setdefault((row["block"], row["label"]), []).append(row)
    for row in table:
        twins = [other for other in named[row["block"], row["label"]] if other is not row]
        row["name"] = row["label"]
        if twins:
            mine, others = json.loads(row["method"]), [json.loads(t["method"]) for t in twins]
            extra = [
                "{}={}".format(key, _setting(value))
                for key, value in sorted(mine.items())
                if any(other.get(key) != value for other in others)
            ]
            row["name"] = "{} ({})".format(row["label"], ", ".join(extra))


def _setting(value: object) -> object:
    """A setting as it is written; a table or a list in words."""
    return surroundings.describe(value) if isinstance(value, (dict, list)) else value


def _settings(records: List[RunRecord], blocks: List[str]) -> Dict[str, str]:
    """Each block in words: model, data and epochs, and whatever else sets it apart."""
    tables = {block: surroundings.flat(json.loads(block)) for block in blocks}
    differing = sorted(
        {
            key
            for table in tables.values()
            for key in table
            if len({repr(other.get(key)) for other in tables.values()}) > 1
        }
    )
    named = ("model.name", "dataset.name", "train.epochs")
    words = {}
    for block, record in zip(blocks, records):
        case = record.case
        text = "{} on {}, {} epochs".format(
            case["model"]["name"], case["dataset"]["name"], case["train"]["epochs"]
        )
        extra = [
            "{} {}".format(key.split(".")[-1].replace("_", " "), _setting(tables[block].get(key)))
            for key in differing
            if key not in named and not key.startswith("device.")  # the device follows in words
        ]
        if any(key.startswith("device.") for key in differing):
            extra.append(sources.describe(json.loads(block)["device"]))
        words[block] = plain(", ".join([text] + extra))
    return words
