"""What differs between the surroundings of two nights: versions, commits, power mode, doctor."""

from typing import Dict, Iterable, Iterator, List, Tuple

from edgejoule.bench import bundle, records
from edgejoule.bench.history import store
from edgejoule.reports import surroundings
from edgejoule.reports.history import past
from edgejoule.reports.words import listed, plain

PASSING = ("before.", "after.", "meter.")  # heat, clocks and load are other ones at every moment
LASTING = ("before.power_mode", "before.throttling", "after.throttling")  # but these are news


def differences(mine: store.Night, other: store.Night) -> List[Tuple[str, str, str]]:
    """(name, in the other night, in mine) of all that differs between two nights, by name."""
    here, there = _seen(mine), _seen(other)
    found = [
        (plain(name), _values(there.get(name, ())), _values(here.get(name, ())))
        for name in sorted(set(here) | set(there))
    ]
    return [each for each in found if each[1] != each[2]]


def doctor(night: store.Night) -> List[Tuple[str, str, str]]:
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
        for check in past.entries(found, when)
        if isinstance(check, dict) and check.get("verdict") != "ok"
    ]


def _seen(night: store.Night) -> Dict[str, Dict[str, None]]:
    """The values of each entry over the runs of a night, in the order they were seen."""
    found: Dict[str, Dict[str, None]] = {}  # a dict of values: a set that keeps its order
    for record in _records(night):
        table = surroundings.flat({"device": record.device})
        table.update(surroundings.flat(record.environment))
        for name, value in table.items():
            if name in LASTING or not name.startswith(PASSING):
                found.setdefault(name, {})[surroundings.describe(value)] = None
    return found


def _records(night: store.Night) -> Iterator[records.RunRecord]:
    """The readable records of a night; the page lists elsewhere what cannot be read."""
    for path in sorted(night.folder.glob("*/" + bundle.RECORD)):
        try:
            yield bundle.read(path.parent)
        except ValueError:
            continue


def _values(values: Iterable[str]) -> str:
    return listed(values, most=4) if values else "not recorded"
