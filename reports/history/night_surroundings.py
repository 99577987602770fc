"""What differs between the surroundings of two nights: versions, commits, power mode, doctor."""

from typing import Dict, List, Tuple

from edgejoule.bench import bundle
from edgejoule.reports import surroundings
from edgejoule.reports.history import past
from edgejoule.reports.words import listed, plain

PASSING = ("before.", "after.", "meter.")  # heat, clocks and load are other ones at every moment
LASTING = ("before.power_mode", "before.throttling", "after.throttling")  # but these are news


def differences(mine, other) -> List[Tuple[str, str, str]]:
    """(name, in the other night, in mine) of all that differs between two nights, by name."""
    here, there = _seen(mine), _seen(other)
    found = [
        (plain(name), _words(there.get(name)), _words(here.get(name)))
        for name in sorted(set(here) | set(there))
    ]
    return [each for each in found if each[1] != each[2]]


def doctor(night) -> List[Tuple[str, str, str]]:
    """(when, check, what it said) of the checks of a night's doctor that were not ok."""
    found = (night.document or {}).get("doctor")
    found = found if isinstance(found, dict) else {}
    return [
        (
            when,
            plain(check.get("name") or "a check"),
            plain(check.get("found") or check.get("verdict") or ""),
        )
        for when in ("before", "after")
        for check in past.told(found, when)
        if isinstance(check, dict) and check.get("verdict") != "ok"
    ]


def _seen(night) -> Dict[str, Dict]:
    """The values of each entry over the runs of a night, in the order they were seen."""
    found = {}
    for record in _records(night):
        table = surroundings.flat({"device": record.device})
        table.update(surroundings.flat(record.environment))
        for name, value in table.items():
            if name in LASTING or not name.startswith(PASSING):
                found.setdefault(name, {})[surroundings.said(value)] = None
    return found


def _records(night):
    """The readable records of a night; what cannot be read is told elsewhere."""
    for path in sorted(night.folder.glob("*/" + bundle.RECORD)):
        try:
            yield bundle.read(path.parent)
        except ValueError:
            continue


def _words(values) -> str:
    return listed(values, most=4) if values else "not recorded"
