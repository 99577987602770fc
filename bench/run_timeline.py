"""A finished run as a timeline for Perfetto: its power, its phases, and the epochs within them.

Made from what the bundle keeps: `trace.json` and the moments in the record, which are on one
clock. What a record does not date is not drawn, and a sentence says so.
"""

from pathlib import Path
from typing import Any, Dict, List, Optional

from edgejoule.bench.records import RunRecord
from edgejoule.devices.exports import perfetto
from edgejoule.devices.exports.perfetto import Counter, Slice
from edgejoule.devices.output_file import OutputFile
from edgejoule.devices.trace import PowerTrace

TRACE = "trace.json"
NO_TRACE = (
    "no power is drawn: the bundle has no samples (there was no sensor, or the trace of an old "
    "night was removed)"
)
UNDATED = (
    "not drawn: {}; the record does not say when (it is of an earlier version, or an interrupted "
    "attempt did that part)"
)


def save(folder: Path, record: RunRecord, output: OutputFile) -> List[str]:
    """Write the timeline of a bundle; sentences on what it lacks.

    Raises:
        ValueError: the trace is none, there is nothing to draw, or it cannot be written.
    """
    trace, drawn = _trace(folder / TRACE), slices(record)
    if not trace.times_s and not drawn:
        raise ValueError(
            "{}: nothing to draw: no power trace, and no phase that says when it began".format(
                record.case_id
            )
        )
    title = "{} ({})".format(record.label, record.case_id)
    fault = output.write(
        lambda file: perfetto.write(file, title, trace, drawn, temperature(record))
    )
    if fault:
        raise ValueError(fault)
    lacking = [] if trace.times_s else [NO_TRACE]
    return [text for text in lacking + [undated(record), perfetto.remark(trace)] if text]


def slices(record: RunRecord) -> List[Slice]:
    """The phases and epochs that say when they were, inside a slice of the whole run."""
    phases = [
        Slice(each["name"], each["start_s"], each["end_s"], _facts(each))
        for each in record.phases
        if _dated(each, "start_s", "end_s")
    ]
    epochs = [each for each in record.epochs if _dated(each, "start_s")]
    found = phases + [
        Slice("epoch {}".format(each["epoch"] + 1), each["start_s"], end_s, _facts(each))
        for each, end_s in zip(epochs, _ends(epochs))
    ]
    if not found:
        return []
    start_s, end_s = min(each.start_s for each in found), max(each.end_s for each in found)
    return [Slice(record.label, start_s, end_s)] + found


def temperature(record: RunRecord) -> List[Counter]:
    """The hottest zone at the end of every epoch, in degrees Celsius; [] if none was told."""
    told = [each for each in record.epochs if each.get("celsius") is not None]
    told = [each for each in told if _dated(each, "start_s")]
    if not told:
        return []
    return [Counter("hottest zone", "C", _ends(told), [each["celsius"] for each in told])]


def undated(record: RunRecord) -> Optional[str]:
    """A sentence on phases and epochs of which nobody knows when they were; None if all are."""
    phases = [e["name"] for e in record.phases if not _dated(e, "start_s", "end_s")]
    epochs = [e for e in record.epochs if not _dated(e, "start_s")]
    parts = ["phase " + name for name in phases]
    parts += ["{} epoch{}".format(len(epochs), "" if len(epochs) == 1 else "s")] if epochs else []
    return UNDATED.format(", ".join(parts)) if parts else None


def _trace(path: Path) -> PowerTrace:
    """The bundle's power; an empty trace if there is no file."""
    try:
        return PowerTrace.from_json(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        return PowerTrace((), ())
    except ValueError as error:
        raise ValueError("{}: {}".format(path, error)) from None


def _ends(epochs: List[Dict[str, Any]]) -> List[float]:
    """When the epochs' training ended; not after the next began, which rounding might say."""
    ends = [each["start_s"] + each["seconds"] for each in epochs]
    begins = [each["start_s"] for each in epochs[1:]]
    return [min(end, begin) for end, begin in zip(ends, begins)] + ends[-1:]


def _facts(each: Dict[str, Any]) -> Dict[str, Any]:
    """What is shown when a slice is selected."""
    names = (
        "joules",
        "uncertainty_joules",
        "status",
        "loss",
        "accuracy",
        "evaluation_seconds",
        "loading_seconds",
    )
    return {name: each[name] for name in names if name in each}


def _dated(each: Dict[str, Any], *names: str) -> bool:
    return all(type(each.get(name)) in (int, float) for name in names)
