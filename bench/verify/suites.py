"""Which bundles are meant, and a suite's own files: its list of cases, the tables of its report."""

import json
from pathlib import Path
from typing import Dict, List

from edgejoule import plugins
from edgejoule.bench import bundle, records
from edgejoule.bench.verify import tables
from edgejoule.bench.verify.bundles import Verified
from edgejoule.bench.verify.outcome import Outcome

SUITE = "suite.json"


def folders(what: str, runs: Path) -> List[Path]:
    """The bundles that are meant: one by its folder or part of its id, or those of a suite.

    Raises:
        ValueError: none is, or several are.
    """
    for path in (runs / what, Path(what)):
        if (path / bundle.RECORD).exists():
            return [path]
        if path.is_dir() and (path / SUITE).exists() or any(_finished(path)):
            return _all(path)
    places = [path for path in sorted(runs.glob("[!.]*")) if path.is_dir()]
    found = [path for place in places for path in _finished(place) if what in path.name]
    if len(found) == 1:
        return found
    known = [place.name for place in places]
    raise ValueError(
        "verify: {} under {} has {!r} in its name{}; suites there: {}.{}".format(
            "no run" if not found else "more than one run",
            runs,
            what,
            ": " + ", ".join(path.name for path in found[:6]) if found else "",
            ", ".join(known) or "none",
            plugins.nearest(what, known),
        )
    )


def verify(folder: Path, bundles: List[Path]) -> List[Verified]:
    """What verifying a suite's own files finds, as one entry named after it; [] if there is none.

    `bundles` are all of the suite, or none if one run alone was asked for.
    """
    if not bundles:
        return []
    outcome = Outcome()
    known: Dict[str, records.RunRecord] = {}
    for path in bundles:
        try:
            known[path.name] = bundle.read(path)
        except ValueError:  # told where that bundle was verified
            continue
    _labels(folder, known, outcome)
    tables.check(folder / "report", known, outcome)
    return [Verified(folder.resolve().name, outcome.agreed, outcome.differences, outcome.unknown)]


def _labels(folder: Path, known: Dict[str, records.RunRecord], outcome: Outcome) -> None:
    """The list of cases against the bundles that are there."""
    try:
        document = json.loads((folder / SUITE).read_bytes().decode("utf8"))
        asked = {str(case["case_id"]): case["label"] for case in document["cases"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        outcome.differs(SUITE, "what is there", "a list of cases", " ".join(str(error).split()))
        return
    for case_id, label in asked.items():
        if case_id in known:
            outcome.same("label of " + case_id, label, known[case_id].label, "its record")
    absent = [case_id for case_id in asked if not (folder / case_id).is_dir()]
    if absent:
        outcome.skip("{} of {} cases".format(len(absent), len(asked)), "they have no bundle")


def _finished(folder: Path) -> List[Path]:
    return list(bundle.scan(folder)) if folder.is_dir() else []


def _all(folder: Path) -> List[Path]:
    """Every bundle of a suite, also one that has lost its record; at least one.

    Raises:
        ValueError: there is none.
    """
    found = _finished(folder)
    try:
        document = json.loads((folder / SUITE).read_bytes().decode("utf8"))
        named = [folder / str(case["case_id"]) for case in document["cases"]]
        found += [path for path in named if path.is_dir() and path not in found]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    if not found:
        raise ValueError("verify: {} holds no finished run".format(folder))
    return sorted(found)
