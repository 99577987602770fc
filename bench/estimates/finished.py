"""What this machine's own finished runs say of a case that is still to be run. Free of torch."""

import hashlib
import os
import platform
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from edgejoule.bench import bundle, environment, records, settings, suite
from edgejoule.bench.estimates.forecast import Forecast, Interval, spread

NEWEST = 200  # runs that are read: a record of 300 epochs takes 5 ms, and a plan should not wait
SAME_CASE = "of the same case here"
PACES = "epochs of finished runs of this model here"
PACING = ("batch_size", "device", "threads", "resident", "workers") + suite.ARITHMETIC
UNCUT = ("dense", "search")  # phases that train the network as it was built

Pace = Tuple[float, Optional[float]]  # seconds and joules of an epoch, its evaluation included


class Finished(NamedTuple):
    """The runs of this machine, by what they share with a case."""

    cases: Dict[str, List[Pace]]  # by method: whole runs
    epochs: Dict[str, List[Pace]]  # by `alike` and the kind of phase


def read(runs: Iterable[Union[str, Path]]) -> Finished:
    """The newest finished runs below some folders, those of other machines left out.

    So are those that ran side by side: how long one takes alone they do not say.
    """
    found = Finished({}, {})
    for path in _newest(runs):
        try:
            record = bundle.read(path)
        except ValueError:  # the run itself will say so and set it aside
            continue
        if _is_of_here(record) and not records.incomparable(record.environment):
            _add(found, record)
    return found


def alike(case: suite.Case, kind: str = "") -> str:
    """What cases share that train at one pace: network, data, batch, device, and the power."""
    train, measure = case.train, case.measure
    return repr(
        (
            sorted(case.model.items()),
            case.dataset["name"],
            # a record of before a setting came was made with its default
            [train.get(key, settings.TRAIN[key]) for key in PACING],
            [measure.get(key) for key in ("power", "fake_power")],
            kind,
        )
    )


def forecast(case: suite.Case, found: Finished) -> Optional[Forecast]:
    """What whole runs of the same method took, other seeds included; None if there is none."""
    runs = found.cases.get(method(case)) if found.cases else None
    if not runs:
        return None
    joules = [each for _, each in runs if each is not None]
    return Forecast(
        _widened([seconds for seconds, _ in runs]),
        _widened(joules) if len(joules) == len(runs) else None,
        "{} finished run{} {}".format(len(runs), "s" if len(runs) > 1 else "", SAME_CASE),
    )


def method(case: suite.Case) -> str:
    """A short name of what replicates share, with the power that they are measured by."""
    text = suite.method(case) + repr(sorted(case.measure.items()))
    return hashlib.sha256(text.encode("utf8")).hexdigest()[:16]


def machine() -> List[Any]:
    """What tells this machine from another whose runs may lie here too."""
    return [environment.processor(), platform.machine(), os.cpu_count()]


def _newest(runs: Iterable[Union[str, Path]]) -> List[Path]:
    # a set, because one folder may lie below another
    found = {
        path.resolve()
        for root in runs
        for path in Path(root).glob("**/" + bundle.RECORD)
        if not path.parent.name.startswith(".") and ".corrupt" not in path.parent.name
    }
    dated = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in dated[:NEWEST]]


def _is_of_here(record: records.RunRecord) -> bool:
    told = [record.environment.get(key) for key in ("processor", "machine", "cores")]
    return told == machine()


def _add(found: Finished, record: records.RunRecord) -> None:
    case = suite.Case(**record.case)
    try:
        name = method(case)
    except (ValueError, KeyError):  # a method or setting that is no more
        return
    found.cases.setdefault(name, []).append(
        (
            sum(each["seconds"] + each["evaluation_seconds"] for each in record.phases),
            records.total(_joules(each) for each in record.phases),
        )
    )
    for epoch in record.epochs:
        pace = (epoch["seconds"] + epoch["evaluation_seconds"], _joules(epoch))
        found.epochs.setdefault(alike(case, epoch["phase"]), []).append(pace)


def _joules(part: Dict[str, Any]) -> Optional[float]:
    """Joules with those of the evaluations; None if either is missing."""
    looked = part["evaluation_joules"] if part["evaluation_seconds"] else 0.0
    return records.total([part["joules"], looked])


def _widened(values: List[float]) -> Interval:
    """From the lowest to the highest; of a single run nobody knows the spread: a tenth each way."""
    found = spread(values)
    return found if len(values) > 1 else Interval(0.9 * found.low, found.middle, 1.1 * found.high)
