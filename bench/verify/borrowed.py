"""Phases that another case trained: each number once more, in the bundle of that case."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from edgejoule.bench import bundle, records
from edgejoule.bench.verify.evidence import Evidence
from edgejoule.bench.verify.outcome import Outcome

OWN = ("start_s", "end_s")  # on the clock of the case that trained it


def check(found: Evidence, outcome: Outcome) -> None:
    """The records of shared phases and their epochs against those of the cases they come from."""
    for loan in found.record.environment.get("shared") or ():
        number = loan["phase"]
        what, where = "phases[{}]".format(number), "{suite}/{case_id}".format(**loan)
        source = _record(found.folder.parent.parent / loan["suite"] / loan["case_id"])
        if source is None:
            outcome.skip(what, "{} trained it, which is not beside this run".format(where))
            continue
        for name, here, there in _pairs(found.record, source, number, found.epochs_of(number)):
            for key in sorted(set(here) - set(OWN)):
                outcome.same(name + "." + key, here[key], there.get(key), "the run " + where)


def _record(folder: Path) -> Optional[records.RunRecord]:
    try:
        return bundle.read(folder)
    except ValueError:  # whoever verifies that bundle is told what is wrong with it
        return None


def _pairs(
    record: records.RunRecord, source: records.RunRecord, number: int, epochs: List[Dict[str, Any]]
) -> List[Tuple[str, Dict[str, Any], Dict[str, Any]]]:
    """(what, record here, record there) of a phase and of each of its epochs."""
    pairs = [("phases[{}]".format(number), record.phases[number], source.phases[number])]
    first = record.epochs.index(epochs[0]) if epochs else 0
    for place, epoch in enumerate(epochs, first):
        pairs.append(("epochs[{}]".format(place), epoch, source.epochs[place]))
    return pairs
