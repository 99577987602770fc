"""What a bundle holds, read once for all checks; what cannot be read is itself a finding."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from torch import Tensor

from edgejoule import __version__, plugins
from edgejoule.bench import bundle, manifest, record_shape, records
from edgejoule.bench.verify.outcome import Outcome
from edgejoule.devices.trace import PowerTrace
from edgejoule.prune import tensor_file

TRACE, PLAN, WEIGHTS, CASE, LOG = "trace.json", "plan.json", "weights.pt", "case.json", "log"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
GONE = "the bundle has no {}"
REMOVED = "{} was removed, as those of old nights are"


class Evidence(NamedTuple):
    """One bundle. None stands for a file that is not there, or that no check can use."""

    folder: Path
    record: records.RunRecord
    case: Optional[Dict[str, Any]]  # case.json: what the worker was asked
    trace: Optional[PowerTrace]
    plan: Optional[Dict[str, Any]]
    weights: Optional[Dict[str, Tensor]]
    log: Optional[List[str]]
    ours: bool  # written by this very version, whose sentences and formats are known

    def epochs_of(self, number: int) -> List[Dict[str, Any]]:
        """The epochs of the phase of that number; phases follow each other."""
        before = sum(_count(phase) for phase in self.record.phases[:number])
        return self.record.epochs[before : before + _count(self.record.phases[number])]


def gather(folder: Path, outcome: Outcome) -> Optional[Evidence]:
    """The evidence of a bundle, None if its record cannot be read: the outcome says why."""
    record = _record(folder, outcome)
    if record is None:
        return None
    removed = _removed(folder, record, outcome)
    whole = record.hashed  # a bundle of today's form lacks none of its files
    parts = {
        name: _part(folder, name, read, removed, whole, outcome)
        for name, read in (
            (CASE, _case),
            (TRACE, _trace),
            (PLAN, _table),
            (WEIGHTS, _tensors),
            (LOG, _lines),
        )
    }
    return Evidence(
        folder,
        record,
        parts[CASE],
        parts[TRACE],
        parts[PLAN],
        parts[WEIGHTS],
        parts[LOG],
        record.environment.get("edgejoule") == __version__,
    )


def _record(folder: Path, outcome: Outcome) -> Optional[records.RunRecord]:
    try:
        record = records.from_json((folder / bundle.RECORD).read_bytes().decode("utf8"))
        record_shape.check(record)
        return record
    except UNREADABLE as error:
        outcome.differs(bundle.RECORD, "what is there", "a run record", _line(error))
        return None


def _removed(folder: Path, record: records.RunRecord, outcome: Outcome) -> List[str]:
    """Compares every file with the manifest; the files that may be absent."""
    try:
        found = manifest.read(folder)
    except ValueError as error:
        outcome.differs(manifest.NAME, "what is there", "what was written", _line(error))
        return []
    if found is None:
        if record.hashed:
            outcome.differs(manifest.NAME, "no file", "a manifest", manifest.missing())
        else:
            outcome.skip("digests of the files", "not hashed: the bundle has no manifest")
        return []
    wrong = list(manifest.faults(folder, found))
    for fault in wrong:
        outcome.differs(fault.file, "what is there", "what was written", fault.told)
    outcome.agreed += len(found.files) - len({fault.file for fault in wrong} & set(found.files))
    return found.removed


def _part(
    folder: Path,
    name: str,
    read: Callable[[Path], Any],
    removed: List[str],
    whole: bool,
    outcome: Outcome,
) -> Any:
    """What a file holds; None, and a word on it, if it is not there or not what it must be."""
    try:
        return read(folder / name)
    except FileNotFoundError:
        if name in removed:
            outcome.skip(name, REMOVED.format(name))
        elif whole:
            outcome.differs(name, "no file", "a file", GONE.format(name))
        else:
            outcome.skip(name, GONE.format(name))
    except UNREADABLE as error:
        outcome.differs(name, "what is there", "a readable file", _line(error))
    return None


def _case(path: Path) -> Dict[str, Any]:
    """The job of the worker; the plug-ins that it names are used from now on."""
    job = _table(path)
    if not isinstance(job["case"], dict):
        raise ValueError("it holds no case")
    with suppress(ValueError):  # folders of another machine: what needs them says so
        plugins.use(**job.get("plugins", {}))
    return job


def _table(path: Path) -> Dict[str, Any]:
    found = json.loads(path.read_bytes().decode("utf8"))
    if not isinstance(found, dict):
        raise ValueError("it holds no table")
    return found


def _trace(path: Path) -> PowerTrace:
    found = PowerTrace.from_json(path.read_bytes().decode("utf8"))
    for value in list(found.times_s) + list(found.watts):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e12:
            raise ValueError("the power trace holds {!r:.40}, no number".format(value))
    return found


def _tensors(path: Path) -> Dict[str, Tensor]:
    return tensor_file.state(str(path))


def _lines(path: Path) -> List[str]:
    return path.read_bytes().decode("utf8").splitlines()


def _count(phase: Dict[str, Any]) -> int:
    return max(phase["epochs"], 0)


def _line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return "{} is missing".format(error)
    return " ".join(str(error).split())[:300] or type(error).__name__
