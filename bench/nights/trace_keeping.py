"""Which nights keep their power traces. Records are never removed, traces are.

Kept are the traces of the last N nights of a suite on a device (28 unless asked otherwise), of
the first night of every month, of every blessed night, of every invalid night, of the nights on
both sides of every step that a finding names, and of every night that is not finished or whose
night.json cannot be read.
"""

import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Set

from edgejoule.bench import bundle, manifest
from edgejoule.bench.history import store

KEEP = 28  # nights, as many as the gate compares with
TRACE = "trace.json"


class Removed(NamedTuple):
    """What was removed: how many traces of how many nights, and their bytes."""

    traces: int
    nights: int
    size: int


def prunable(nights: List[store.Night], blessed: Set[str], keep: int = KEEP) -> List[store.Night]:
    """Nights of one device and suite, in order, whose traces may go."""
    kept = blessed | _steps(nights) | _first_of_months(nights)
    return [
        night
        for night in nights[: max(len(nights) - keep, 0)]
        if night.night not in kept and _is_whole(night)
    ]


def remove(nights: List[store.Night]) -> Removed:
    """Removes the traces of these nights; doing it twice does nothing more."""
    sizes: Dict[Path, int] = {}
    for night in nights:
        for path in sorted(night.folder.glob("*/" + TRACE)):
            if not path.parent.name.startswith("."):  # an attempt that is not finished
                sizes[path] = path.stat().st_size
                _unlink(path)
    touched = {path.parent.parent for path in sizes}
    return Removed(len(sizes), len(touched), sum(sizes.values()))


def _unlink(path: Path) -> None:
    """Removes a trace; the manifest says so first, lest a kill in between look like damage."""
    try:
        text = manifest.without(path.parent, path.name)
    except ValueError:  # damaged: whoever reads the bundle is told so
        text = None
    if text is not None:
        bundle.write_text(path.parent / manifest.NAME, text)
    path.unlink()


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
        ) from None


def _steps(nights: List[store.Night]) -> Set[str]:
    """Nights that a finding names: the first of the new level and the last of the old."""
    findings = [
        finding
        for night in nights
        for finding in (night.document or {}).get("findings") or ()
        if isinstance(finding, dict)
    ]
    ends = [finding.get(end) for finding in findings for end in ("since", "until")]
    return {end["night"] for end in ends if isinstance(end, dict) and end.get("night")}


def _first_of_months(nights: List[store.Night]) -> Set[str]:
    first: Dict[str, str] = {}
    for night in nights:
        first.setdefault(night.night[:7], night.night)  # YYYY-MM
    return set(first.values())


def _is_whole(night: store.Night) -> bool:
    document = night.document or {}
    return document.get("stage") == "done" and document.get("verdict") != "INVALID"
