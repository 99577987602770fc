"""A finished run as metrics for Prometheus: joules, seconds and FLOPs of its epochs and phases.

All are gauges, so that the text is read alike as OpenMetrics and by the textfile collector of
node_exporter, which knows nothing newer than the text format 0.0.4.
"""

from typing import Any, Dict, List, Optional

from edgejoule.bench.history.night_rows import TRUSTED
from edgejoule.bench.records import RunRecord, total
from edgejoule.devices.exports.openmetrics import Family, Sample

Labels = Dict[str, Optional[str]]
ENERGY = "without those of its evaluations; absent if not measured."
BAR = "Half-width of the 95 % interval of the joules."
TEXTS = {
    "epoch_joules": ("joules", "Energy of a training epoch, " + ENERGY),
    "epoch_uncertainty_joules": ("joules", BAR),
    "epoch_seconds": ("seconds", "Length of a training epoch without its evaluation."),
    "epoch_flops": ("flops", "FLOPs of a training epoch (2 per multiply-accumulate)."),
    "epoch_accuracy_ratio": ("ratio", "Share of the test set that was right after the epoch."),
    "phase_joules": ("joules", "Energy of a phase, " + ENERGY),
    "phase_uncertainty_joules": ("joules", BAR),
    "phase_seconds": ("seconds", "Length of a phase without its evaluations."),
    "phase_flops": ("flops", "FLOPs of a phase (2 per multiply-accumulate)."),
    "run_joules": ("joules", "Energy of all phases; absent if one of them was not measured."),
    "run_seconds": ("seconds", "Length of all phases."),
    "run_accuracy_ratio": ("ratio", "Share of the test set that the final network has right."),
}


def families(record: RunRecord) -> List[Family]:
    """The metrics of one run; a value that is not known has no sample."""
    run = _run_labels(record)
    found: Dict[str, List[Sample]] = {name: [] for name in TEXTS}
    for epoch in record.epochs:
        labels = dict(run, phase=epoch["phase"], epoch=str(epoch["epoch"]))
        _cost(found, "epoch", labels, epoch)
        _put(found["epoch_accuracy_ratio"], labels, epoch["accuracy"])
    turns: Dict[str, int] = {}
    for phase in record.phases:
        name = phase["name"]
        # a recipe that prunes step by step has several phases of one name
        _cost(found, "phase", dict(run, phase=name, turn=str(turns.get(name, 0))), phase)
        turns[name] = turns.get(name, 0) + 1
    _put(found["run_joules"], run, total(_joules(phase) for phase in record.phases))
    _put(found["run_seconds"], run, total(phase["seconds"] for phase in record.phases))
    _put(found["run_accuracy_ratio"], run, record.accuracy)
    return [
        Family("edgejoule_" + name, "gauge", text, unit, found[name])
        for name, (unit, text) in TEXTS.items()
    ]


def _run_labels(record: RunRecord) -> Labels:
    """What tells this run from every other, so that many may lie in one folder."""
    device, seed = record.device, record.case.get("train", {}).get("seed")
    beside = record.environment.get("side_by_side")
    return {
        "suite": record.suite,
        "label": record.label,
        "seed": None if seed is None else str(seed),
        "case_id": record.case_id,
        "device": device.get("name"),
        "rail": device.get("rail"),
        "fake": device.get("fake"),  # never to be mistaken for power that was measured
        # nor these for the seconds and joules of a run that had the machine to itself
        "side_by_side": None if beside is None else str(beside),
    }


def _cost(found: Dict[str, List[Sample]], what: str, labels: Labels, part: Dict[str, Any]) -> None:
    """Adds what an epoch or a phase cost."""
    joules = _joules(part)
    _put(found[what + "_joules"], labels, joules)
    if joules is not None:
        _put(found[what + "_uncertainty_joules"], labels, part["uncertainty_joules"])
    _put(found[what + "_seconds"], labels, part["seconds"])
    for convention, flops in part["flops"].items():
        _put(found[what + "_flops"], dict(labels, convention=convention), flops)


def _joules(part: Dict[str, Any]) -> Optional[float]:
    """The joules of a reading that may be trusted; a graph has no place for a doubt."""
    return part["joules"] if part["status"] in TRUSTED else None


def _put(samples: List[Sample], labels: Labels, value: Optional[float]) -> None:
    if value is not None:
        samples.append(Sample(labels, value))
