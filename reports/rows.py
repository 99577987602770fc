"""One record as flat rows of plain numbers; strict, so that a broken record is found on reading.

Units are those of the record: seconds, joules, FLOPs, fractions. Unknown is None.
"""

import json
import math
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.bench.records import CONVENTIONS, total
from edgejoule.reports.words import plain

PHASES = ("dense", "search", "score", "retrain")


class Drawn(NamedTuple):
    """An early-bird search: distances by number of epochs trained, and where it ended.

    `epoch` is None if the search never settled.
    """

    epoch: Optional[int]
    distances: Tuple[Tuple[int, float], ...]
    detector: str
    threshold: float


class Parts(NamedTuple):
    """Everything of one record, read once: there may be ten thousand."""

    row: Dict
    epochs: List[Dict]
    phases: List[Dict]
    layers: List[Dict]
    ticket: Optional[Drawn]


def parts(record) -> Parts:
    """The rows of a record.

    Raises:
        ValueError: names a value that is none.
    """
    trained, costs = epochs(record), phases(record)
    return Parts(_row(record, trained, costs), trained, costs, layers(record), ticket(record))


def row(record) -> Dict:
    """One run: who it is, how good, how large, and what it cost."""
    return _row(record, epochs(record), phases(record))


def _row(record, trained, costs) -> Dict:
    values = dict(
        _identity(record),
        accuracy=_fraction(record.accuracy, "accuracy"),
        attempts=_number(record.attempts, "attempts"),
    )
    values.update(_model("dense", record.dense))
    values.update(_model("final", record.final))
    values.update(_costs(record, costs))
    values.update(_epoch_costs(record, trained))
    return values


def epochs(record) -> List[Dict]:
    """One row per training epoch, numbered from 1 through all phases."""
    return [
        dict(
            case_id=record.case_id,
            phase=plain(each["phase"]),
            epoch=_number(each["epoch"], "epoch") + 1,
            seconds=_number(each["seconds"], "seconds"),
            joules=_number(each["joules"], "joules", optional=True),
            reason=plain(each["joules_reason"] or each["status"]),
            loss=_number(each["loss"], "loss", optional=True),
            accuracy=_fraction(each["accuracy"], "accuracy"),
        )
        for each in record.epochs
    ]


def phases(record) -> List[Dict]:
    """One row per phase, in order; a phase entered twice is one row."""
    merged = {}
    for each in record.phases:
        merged.setdefault(plain(each["name"]), []).append(each)
    return [_phase(record.case_id, name, parts) for name, parts in merged.items()]


def layers(record) -> List[Dict]:
    """One row per group of channels: how many there were, how many were kept."""
    return [
        dict(
            case_id=record.case_id,
            group=plain(each["group"]),
            channels=_number(each["channels"], "channels"),
            kept=_number(each["kept"], "kept"),
        )
        for each in record.layers
    ]


def ticket(record) -> Optional[Drawn]:
    """The early-bird search of a run, or None if it made none."""
    if record.ticket is None:
        return None
    drawn = record.ticket["epoch"]
    searched = sum(each["phase"] == "search" for each in record.epochs)
    last = searched if drawn is None else _number(drawn, "ticket epoch")
    seen = [_number(each, "distance", optional=True) for each in record.ticket["distances"]]
    first = last - len(seen) + 1
    return Drawn(
        drawn,
        tuple((first + i, d) for i, d in enumerate(seen) if d is not None),
        plain(record.ticket["detector"]),
        _number(record.ticket["threshold"], "threshold"),
    )


def identity(record) -> Tuple[str, str, int]:
    """(block, method, seed): equal only for two measurements of the same thing."""
    values = _identity(record)
    return values["block"], values["method"], values["seed"]


def _identity(record) -> Dict:
    """Runs may be compared within a block; runs of a method are replicates of each other.

    A block shares model, data, training settings and the power rail: joules of two rails, of
    two boards or of two power modes are never put in one comparison.
    """
    case, device = record.case, record.device
    shared = {key: value for key, value in case.items() if key not in ("prune", "train")}
    shared["train"] = _without(case["train"], "seed")
    shared["device"] = {
        key: device.get(key)
        for key in ("adapter", "name", "rail", "scope", "power_mode", "fake", "estimate")
    }
    return dict(
        case_id=record.case_id,
        label=plain(record.label),
        seed=case["train"]["seed"],
        block=_canonical(shared),
        method=_canonical(_without(case["prune"], "label")),
        dense=case["prune"]["recipe"] == "dense",
        random=case["prune"].get("criterion") == "random",
        ratio=_number(case["prune"].get("ratio"), "ratio", optional=True),
    )


def _model(which: str, record) -> Dict:
    return {
        which + "_params": _number(record["params"], "params"),
        which + "_macs": _number(record["forward_macs"], "forward_macs"),
    }


def _costs(record, parts) -> Dict:
    """Of the whole run: seconds, joules, joules known, and FLOPs in each convention."""
    values = {
        "seconds": sum(part["seconds"] for part in parts),
        "joules": total(part["joules"] for part in parts),
        "joules_known": sum(part["joules_known"] for part in parts) or None,
        "reasons": _reasons(parts, record.device),
        "doubts": _distinct(doubt for part in parts for doubt in part["doubts"]),
        "hole": _hole(parts),
    }
    for name in CONVENTIONS:
        values["flops_" + name] = total(part["flops_" + name] for part in parts)
    return values


def _hole(parts) -> float:
    """Share of the run's seconds in phases without joules, 0 to 1."""
    whole = sum(part["seconds"] for part in parts)
    unknown = sum(part["seconds"] for part in parts if part["joules"] is None)
    return unknown / whole if whole else 1.0


def _reasons(parts, device) -> Tuple[str, ...]:
    """Why joules are missing, with the phase's name unless all phases say the same."""
    holes = [(part["phase"], reason) for part in parts for reason in part["reasons"]]
    distinct = _distinct(reason for _, reason in holes)
    if not parts:
        return (plain(device.get("reason") or "no phase was recorded"),)
    if len(distinct) == 1 and all(part["joules"] is None for part in parts):
        return distinct
    return _distinct("{} phase: {}".format(*hole) for hole in holes)


def _phase(case_id: str, name: str, parts) -> Dict:
    joules = [_number(part["joules"], "joules", optional=True) for part in parts]
    values = dict(
        case_id=case_id,
        phase=name,
        epochs=sum(_number(p["epochs"], "epochs") for p in parts),
        seconds=sum(_number(part["seconds"], "seconds") for part in parts),
        joules=total(joules),
        joules_known=sum(each or 0 for each in joules),
        reasons=_distinct(
            plain(p["joules_reason"] or p["status"]) for p in parts if p["joules"] is None
        ),
        doubts=_distinct(
            (name, plain(p["status"]))
            for p in parts
            if p["joules"] is not None and p["status"] != "ok"
        ),
    )
    for key in CONVENTIONS:
        values["flops_" + key] = total(
            _number(part["flops"].get(key), "flops", optional=True) for part in parts
        )
    return values


def _epoch_costs(record, trained) -> Dict:
    """Of one epoch of the last phase: medians, which forgive a slow first epoch.

    A run that ends without training after the cut has no such cost: an epoch before the cut is
    not what the cut network costs.
    """
    name = plain(record.phases[-1]["name"]) if record.phases else ""
    last = [each for each in trained if each["phase"] == name]
    reasons = _distinct(each["reason"] for each in last if each["joules"] is None)
    return {
        "last_phase": name,
        "epoch_reasons": reasons
        if last
        else ("no epoch was trained in the last phase, {}".format(name or "for there is none"),),
        "epoch_seconds": _median(each["seconds"] for each in last),
        "epoch_joules": _median(each["joules"] for each in last),
    }


def _median(values) -> Optional[float]:
    values = sorted(value for value in values if value is not None)
    half = len(values) // 2
    if not values:
        return None
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def _number(value, name: str, optional: bool = False):
    if value is None and optional:
        return None
    if type(value) is int or type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("{} is {!r}, not a number".format(name, value))
    return value


def _fraction(value, name: str) -> float:
    if not 0 <= _number(value, name) <= 1:
        raise ValueError("{} is {!r}, not a fraction from 0 to 1".format(name, value))
    return value


def _without(table: Dict, key: str) -> Dict:
    return {name: value for name, value in table.items() if name != key}


def _canonical(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _distinct(items) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(items))
