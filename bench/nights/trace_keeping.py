"""Which nights keep their power traces. Records are never removed, traces by this rule:

kept are the traces of the last N nights of a suite on a device (28 unless asked otherwise), of
the first night of every month, of every blessed night, of every invalid night, of the nights on
both sides of every step that a finding names, and of every night that is not finished or whose
night.json cannot be read.
"""

import json
from pathlib import Path
from typing import List, NamedTuple, Set

from edgejoule.bench.history import store

KEEP = 28
TRACE = "trace.json"


class Removed(NamedTuple):
    """What was removed: how many traces of how many nights, and their bytes."""

    traces: int
    nights: int
    size: int


def prunable(nights: List[store.Night], blessed: Set[str], keep: int = KEEP) -> List:
    """Nights of one device and suite, in order, whose traces may go."""
    kept = blessed | _steps(nights) | _first_of_months(nights)
    return [
        night
        for night in nights[: max(len(nights) - keep, 0)]
        if night.night not in kept and _is_whole(night)
    ]


def remove(nights: List[store.Night]) -> Removed:
    """Removes the traces of these nights; doing it twice does nothing more."""
    traces, touched, size = 0, set(), 0
    for night in nights:
        for path in sorted(night.folder.glob("*/" + TRACE)):
            if path.parent.name.startswith("."):
                continue
            size += path.stat().st_size
            path.unlink()
            traces, touched = traces + 1, touched | {night.folder}
    return Removed(traces, len(touched), size)


def blessed(folder: Path, suite: str) -> Set[str]:
    """The blessed nights of a suite, from the device's blessed.json.

    Raises:
        ValueError: it cannot be read, so nobody knows what must be kept.
    """
    try:
        found = json.loads((folder / "blessed.json").read_text(encoding="utf8"))
        entry = found.get(suite) or {}
        return {entry["night"]} if entry.get("night") else set()
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            "{}: {}; no trace is removed before it can be read".format(
                folder / "blessed.json", error
            )
        )


def _steps(nights) -> Set[str]:
    """Nights that a finding names: the first of the new level and the last of the old."""
    findings = [
        finding
        for night in nights
        for finding in (night.document or {}).get("findings") or ()
        if isinstance(finding, dict)
    ]
    ends = [finding.get(end) for finding in findings for end in ("since", "until")]
    return {end["night"] for end in ends if isinstance(end, dict) and end.get("night")}


def _first_of_months(nights) -> Set[str]:
    first = {}
    for night in nights:
        first.setdefault(night.night[:7], night.night)
    return set(first.values())


def _is_whole(night) -> bool:
    document = night.document or {}
    return document.get("stage") == "done" and document.get("verdict") != "INVALID"
