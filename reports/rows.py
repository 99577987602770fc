"""One record as flat rows of plain numbers; strict, so that a broken record is found on reading.

Units are those of the record: seconds, joules, FLOPs, fractions. Unknown is None.
"""

import json
from statistics import median
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from edgejoule.bench import settings
from edgejoule.bench.records import CONVENTIONS, RunRecord, incomparable, total
from edgejoule.reports.shape import fraction, number, number_or_none
from edgejoule.reports.words import plain


class Drawn(NamedTuple):
    """An early-bird search: distances by number of epochs trained, and where it ended.

    `epoch` is None if the search never settled.
    """

    epoch: Optional[int]
    distances: Tuple[Tuple[int, float], ...]
    detector: str
    threshold: float


class Parts(NamedTuple):
    """Everything of one record, read once: there may be ten thousand of them."""

    row: Dict  # who it is, how good, how large, and what it cost
    epochs: List[Dict]  # numbered from 1 through all phases
    phases: List[Dict]  # in order; a phase entered twice is one row
    layers: List[Dict]  # groups of channels: how many there were, how many were kept
    ticket: Optional[Drawn]  # None if the run made no early-bird search


def parts(record: RunRecord) -> Parts:
    """The rows of a record.

    Raises:
        ValueError: names a number that is missing or is none.
    """
    trained, costs = _epochs(record), _phases(record)
    return Parts(_row(record, trained, costs), trained, costs, _layers(record), _ticket(record))


def is_comparable(row: Dict, name: str) -> bool:
    """False for seconds and joules of a run that shared its machine with others."""
    return not (row["beside"] and ("seconds" in name or "joules" in name))


def _row(record: RunRecord, trained: List[Dict], costs: List[Dict]) -> Dict:
    values = dict(
        _identity(record),
        accuracy=fraction(record.accuracy, "accuracy"),
        attempts=number(record.attempts, "attempts"),
        beside=_distinct(filter(None, [incomparable(record.environment)])),
    )
    values.update(_model("dense", record.dense))
    values.update(_model("final", record.final))
    values.update(_costs(record, costs))
    values.update(_epoch_costs(record, trained))
    return values


def _epochs(record: RunRecord) -> List[Dict]:
    return [
        dict(
            case_id=record.case_id,
            phase=plain(each["phase"]),
            epoch=number(each["epoch"], "epoch") + 1,  # records count from 0
            seconds=number(each["seconds"], "seconds"),
            joules=number_or_none(each["joules"], "joules"),
            reason=plain(each["joules_reason"] or each["status"]),
            loss=number_or_none(each["loss"], "loss"),
            accuracy=fraction(each["accuracy"], "accuracy"),
        )
        for each in record.epochs
    ]


def _phases(record: RunRecord) -> List[Dict]:
    merged: Dict[str, List[Dict]] = {}
    for each in record.phases:
        merged.setdefault(plain(each["name"]), []).append(each)
    return [_phase(record.case_id, name, parts) for name, parts in merged.items()]


def _layers(record: RunRecord) -> List[Dict]:
    return [
        dict(
            case_id=record.case_id,
            group=plain(each["group"]),
            channels=number(each["channels"], "channels"),
            kept=number(each["kept"], "kept"),
        )
        for each in record.layers
    ]


def _ticket(record: RunRecord) -> Optional[Drawn]:
    if record.ticket is None:
        return None
    drawn = record.ticket["epoch"]
    searched = sum(each["phase"] == "search" for each in record.epochs)
    last = searched if drawn is None else number(drawn, "ticket epoch")
    seen = [number_or_none(each, "distance") for each in record.ticket["distances"]]
    first = last - len(seen) + 1  # the record does not number its distances: the last is known
    return Drawn(
        drawn,
        tuple((first + i, d) for i, d in enumerate(seen) if d is not None),
        plain(record.ticket["detector"]),
        number(record.ticket["threshold"], "threshold"),
    )


def _identity(record: RunRecord) -> Dict:
    """Runs may be compared within a block; runs of a method are replicates of each other.

    A block shares model, data, training settings and the power rail: joules of two rails, of
    two boards or of two power modes are never put in one comparison.
    """
    case, device = record.case, record.device
    shared = {key: value for key, value in case.items() if key not in ("prune", "train")}
    # Defaults filled in: a run of before a setting came is one of its default.
    shared["train"] = dict(_train_defaults(), **_without(case["train"], "seed"))
    shared["device"] = {
        key: device.get(key)
        for key in ("adapter", "name", "rail", "scope", "power_mode", "fake", "estimate")
    }
    return dict(
        case_id=record.case_id,
        label=plain(record.label),
        seed=case["train"]["seed"],
        block=_canonical(shared),
        method=_canonical(_without(case["prune"], "label")),  # a label is a name, no setting
        dense=case["prune"]["recipe"] == "dense",
        random=case["prune"].get("criterion") == "random",
        ratio=number_or_none(case["prune"].get("ratio"), "ratio"),
    )


def _train_defaults() -> Dict:
    return {
        key: value
        for key, value in settings.TRAIN.items()
        if key != "seed" and value is not settings.REQUIRED
    }


def _model(which: str, model: Dict) -> Dict:
    return {
        which + "_params": number(model["params"], "params"),
        which + "_macs": number(model["forward_macs"], "forward_macs"),
    }


def _costs(record: RunRecord, parts: List[Dict]) -> Dict:
    """Of the whole run: seconds, joules, joules known, and FLOPs in each convention."""
    values = {
        "seconds": sum(part["seconds"] for part in parts),
        "joules": total(part["joules"] for part in parts),
        "joules_known": sum(part["joules_known"] for part in parts) or None,  # unknown is not 0 J
        "reasons": _reasons(parts, record.device),
        "doubts": _distinct(doubt for part in parts for doubt in part["doubts"]),
        "unmeasured": _unmeasured(parts),
    }
    for name in CONVENTIONS:
        values["flops_" + name] = total(part["flops_" + name] for part in parts)
    return values


def _unmeasured(parts: List[Dict]) -> float:
    """Share of the run's seconds in phases without joules, 0 to 1."""
    whole = sum(part["seconds"] for part in parts)
    unknown = sum(part["seconds"] for part in parts if part["joules"] is None)
    return unknown / whole if whole else 1.0  # a run without a second measured nothing


def _reasons(parts: List[Dict], device: Dict) -> Tuple[str, ...]:
    """Why joules are missing, with the phase's name unless all phases say the same."""
    missing = [(part["phase"], reason) for part in parts for reason in part["reasons"]]
    distinct = _distinct(reason for _, reason in missing)
    if not parts:
        return (plain(device.get("reason") or "no phase was recorded"),)
    # one reason for the whole run, such as no sensor, needs no list of phases
    if len(distinct) == 1 and all(part["joules"] is None for part in parts):
        return distinct
    return _distinct("{} phase: {}".format(*each) for each in missing)


def _phase(case_id: str, name: str, parts: List[Dict]) -> Dict:
    """One phase, its parts (the times it was entered) summed."""
    joules = [number_or_none(part["joules"], "joules") for part in parts]
    values = dict(
        case_id=case_id,
        phase=name,
        epochs=sum(number(part["epochs"], "epochs") for part in parts),
        seconds=sum(number(part["seconds"], "seconds") for part in parts),
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
            number_or_none(part["flops"].get(key), "flops") for part in parts
        )
    return values


def _epoch_costs(record: RunRecord, trained: List[Dict]) -> Dict:
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


def _median(values: Iterable[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _without(table: Dict, key: str) -> Dict:
    return {name: value for name, value in table.items() if name != key}


def _canonical(value: Dict) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _distinct(items: Iterable[Any]) -> Tuple:
    """The items in their order, each once."""
    return tuple(dict.fromkeys(items))
