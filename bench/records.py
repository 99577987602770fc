"""What a run bundle holds, to and from JSON. Free of torch.

A bundle is a folder `runs/<suite>/<case_id>/`: `run.json` (this record), `trace.json` (power
samples, playable with `--fake-power`), `plan.json` and `weights.pt` (the shrunk model), `log`,
of an iterative run `rounds.json` and `rounds.npz` (see `bench.rounds`), and `manifest.json` with
the digest of each (`bench.manifest`).
It is written under a temporary name and renamed: present means done.

Seconds, joules, celsius and FLOPs (2 per multiply-accumulate) everywhere. Joules are gross,
over the one rail that `device` names; None is not measured, and `joules_reason` says why.

History of SCHEMA
1: first format. Since then, optional: facts; start_s, loading_seconds, samples, top5_accuracy and
validation_loss of epochs; start_s and end_s of phases; fingerprint; hashed; top5_accuracy;
side_by_side of phases and, if not of one alone, of environment.
"""

import json
from typing import Dict, Iterable, List, NamedTuple, Optional

SCHEMA = 1
CONVENTIONS = ("exact", "paper", "fvcore")
INCOMPARABLE = "timings not comparable"  # begins every sentence of `incomparable`


class EpochRecord(NamedTuple):
    """One training epoch of one phase; evaluation is timed apart from training."""

    phase: str
    epoch: int  # counted through the phases from 0
    seconds: float
    joules: Optional[float]
    joules_reason: Optional[str]
    uncertainty_joules: Optional[float]
    status: str  # of the energy reading: of `devices.reading.STATUSES`
    flops: Dict[str, Optional[float]]  # by convention, the whole epoch
    loss: Optional[float]  # None: it diverged
    train_accuracy: float  # fraction
    accuracy: float  # fraction of the test set
    evaluation_seconds: float
    evaluation_joules: Optional[float]
    celsius: Optional[float]  # hottest zone at the end
    learning_rate: float  # of its first step: a schedule by steps moves it within the epoch
    channels: int  # output channels of all convolutions and linear layers
    start_s: Optional[float] = None  # when it began, on the clock of trace.json
    loading_seconds: Optional[float] = None  # of `seconds`, those it waited for its next batch
    samples: Optional[int] = None  # trained on; fewer than the data set's where it ends early
    top5_accuracy: Optional[float] = None  # fraction of the test set; None: at most ten classes
    validation_loss: Optional[float] = None  # of what was held out; None: nothing, or it diverged


class PhaseRecord(NamedTuple):
    """One phase: dense, search, score or retrain; its numbers cover training or scoring alone."""

    name: str
    seconds: float
    joules: Optional[float]
    joules_reason: Optional[str]
    uncertainty_joules: Optional[float]
    status: str
    flops: Dict[str, Optional[float]]
    epochs: int
    evaluation_seconds: float
    evaluation_joules: Optional[float]
    start_s: Optional[float] = None  # when it began, on the clock of trace.json
    end_s: Optional[float] = None  # and when it ended, evaluations included
    side_by_side: Optional[int] = None  # cases that shared the machine; None: this one alone


class ModelRecord(NamedTuple):
    """Size and cost of a network, per sample."""

    params: int
    forward_macs: int
    train_macs: int  # forward, input gradient and weight gradient
    channels: int
    uncounted: List[str]  # layers with parameters that no rule counts


class RunRecord(NamedTuple):
    """One measured case: what was asked, what was seen, and what it thinks of itself."""

    schema: int
    suite: str
    case_id: str
    label: str  # the method in words, such as "slim 0.5"
    case: Dict  # every resolved setting
    attempts: int  # 1, or more when earlier attempts were interrupted
    started_utc: str
    finished_utc: str
    device: Dict  # devices.meter.DeviceInfo
    environment: Dict  # versions, git, host, before, after; see `incomparable`
    dense: Dict  # ModelRecord before the cut
    final: Dict  # ModelRecord after it
    phases: List[Dict]
    epochs: List[Dict]
    accuracy: float  # test accuracy of the final model, fraction
    ticket: Optional[Dict]
    layers: List[Dict]  # group, channels, kept
    warnings: List[str]
    facts: Optional[Dict] = None  # what a recipe knows that no phase shows
    fingerprint: Optional[str] = None  # of the final network's tensors, names and shapes
    hashed: bool = False  # a manifest.json with the digest of every file belongs beside it
    top5_accuracy: Optional[float] = None  # as `accuracy`, right class among the five likeliest


def to_json(record: RunRecord) -> str:
    """The record as a JSON document, keys in their order, no NaN."""
    return json.dumps(record._asdict(), indent=1, allow_nan=False) + "\n"


def from_json(text: str) -> RunRecord:
    """The record a document holds; unknown keys of a newer writer are dropped.

    Raises:
        ValueError: not JSON, not a record, or a schema from the future.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError("not a run record: {}".format(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise ValueError("not a run record: it has no schema number")
    if document["schema"] > SCHEMA:
        raise ValueError(
            "the record has schema {}, this version reads up to {}; update edgejoule".format(
                document["schema"], SCHEMA
            )
        )
    optional = RunRecord._field_defaults  # what came later, so that old records still load
    missing = [n for n in RunRecord._fields if n not in document and n not in optional]
    if missing:
        raise ValueError("not a whole run record: {} missing".format(", ".join(missing)))
    return RunRecord(**{n: document[n] for n in RunRecord._fields if n in document})


def taken_over(record: RunRecord) -> List[str]:
    """The phases that were measured in an earlier attempt or by another case."""
    shared = record.environment.get("shared") or ()
    return list(record.environment.get("resumed") or ()) + [each["name"] for each in shared]


def total(values: Iterable[Optional[float]]) -> Optional[float]:
    """The sum; None if any part is unknown, or if there is none: a partial sum is no total."""
    values = list(values)
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def incomparable(environment: Dict) -> Optional[str]:
    """Why the seconds and joules of a run compare with no other's; None if they do.

    What was counted, its FLOPs and its accuracy, is what it would have been alone.
    """
    count = environment.get("side_by_side")
    return "{}: up to {} cases ran side by side".format(INCOMPARABLE, count) if count else None
