"""Reads the bundles of one suite. A broken one is named and set aside, the rest is reported.

runs/<suite>/suite.json         question, note and the cases that were asked for
runs/<suite>/<case_id>/run.json one finished run; `.<case_id>.open` is an unfinished attempt
"""

import gc
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from edgejoule import plugins
from edgejoule.bench import manifest, record_shape, records
from edgejoule.reports import rows
from edgejoule.reports.words import plain, plural

RECORD = "run.json"
SIDE_FILES = (RECORD, "trace.json", "plan.json", "weights.pt", "log")
# what reading a damaged, hand-edited or hostile record may raise: it costs that bundle alone
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


class Run(NamedTuple):
    """A readable bundle: its record, which of the known files lie beside it, and its rows."""

    record: records.RunRecord
    files: Tuple[str, ...]
    parts: rows.Parts


class Aside(NamedTuple):
    """A bundle that is not reported, and why."""

    case_id: str
    reason: str


class Missing(NamedTuple):
    """A case that was asked for and has no bundle; `begun` if an attempt was seen."""

    case_id: str
    label: str
    begun: bool


class Bundles(NamedTuple):
    """Everything found under one suite's folder, in the suite's own order."""

    folder: Path
    name: str
    question: Optional[str]
    note: str
    runs: Tuple[Run, ...]
    aside: Tuple[Aside, ...]
    missing: Tuple[Missing, ...]
    notes: Tuple[str, ...]


def find(name: Optional[str], runs: Union[str, Path]) -> Path:
    """The folder of a suite's runs: a path, a name under `runs`, or the only one there is.

    Raises:
        ValueError: names the suites that have runs.
    """
    runs = Path(runs)
    # under `runs` first: a suite called like a folder here is meant
    for folder in [runs / name, Path(name)] if name else []:
        if folder.is_dir() and holds_runs(folder):
            return folder
    known = suites(runs)
    if not name and len(known) == 1:
        return runs / known[0]
    there = (
        "{} has: {}.".format(runs, ", ".join(known))
        if known
        else "{} has none; 'edgejoule run quick' makes some.".format(runs)
    )
    if not name:
        raise ValueError("which suite? {}".format(there))
    raise ValueError(
        "no runs of a suite called {!r}; {}{}".format(name, there, plugins.nearest(name, known))
    )


def suites(runs: Path) -> List[str]:
    """Names of the folders that hold a suite's runs, sorted.

    Raises:
        ValueError: `runs` is a file.
    """
    if runs.exists() and not runs.is_dir():
        raise ValueError(
            "{} is a file; --runs takes the folder that runs were written to".format(runs)
        )
    return sorted(path.name for path in runs.glob("*") if path.is_dir() and holds_runs(path))


def holds_runs(folder: Path) -> bool:
    """True for the folder of a suite; the page is written into it, so no other will do."""
    return (folder / "suite.json").exists() or any(folder.glob("*/" + RECORD))


def read(folder: Path, everything: bool = False) -> Bundles:
    """All bundles of a suite's folder; those outside its list of cases only if `everything`."""
    asked, notes = _asked(folder)
    cases = {case["case_id"]: case["label"] for case in asked["cases"]}
    found, aside = _bundles(folder, cases)
    # --quick, --set and older versions of a suite leave bundles that it does not ask for any more
    extra = [run for run in found if cases and run.record.case_id not in cases]
    if extra and not everything:
        found = [run for run in found if run.record.case_id in cases]
        notes.append(
            "left out: {} of no case of the suite as it was last run; --all brings them in".format(
                plural(len(extra), "bundle")
            )
        )
    found, doubles = _distinct(found)
    done = {run.record.case_id for run in found} | {each.case_id for each in aside + doubles}
    missing = [
        Missing(case_id, label, (folder / ".{}.open".format(case_id)).exists())
        for case_id, label in cases.items()
        if case_id not in done
    ]
    return Bundles(
        folder,
        asked["name"],
        asked["question"],
        asked["note"],
        tuple(found),
        tuple(aside + doubles),
        tuple(missing),
        tuple(notes),
    )


def _asked(folder: Path) -> Tuple[Dict[str, Any], List[str]]:
    """(what suite.json says, a sentence if it cannot be read)."""
    nothing: Dict[str, Any] = {
        "name": plain(folder.resolve().name),
        "question": None,
        "note": "",
        "cases": [],
    }
    try:
        document = json.loads((folder / "suite.json").read_bytes().decode("utf8"))
        cases = [
            {"case_id": str(case["case_id"]), "label": plain(case["label"])}
            for case in document["cases"]
        ]
        return {
            "name": plain(document["name"]),
            "question": plain(document["question"]),
            "note": plain(document.get("note") or ""),
            "cases": cases,
        }, _use_plugins(document)
    except FileNotFoundError:
        return nothing, [
            "there is no suite.json here: the question is not recorded, and nobody "
            "can say which cases are missing"
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return nothing, [
            "suite.json cannot be read ({}): the question is not known, and nobody "
            "can say which cases are missing".format(_reason(error))
        ]


def _bundles(folder: Path, cases: Dict[str, str]) -> Tuple[List[Run], List[Aside]]:
    """(readable runs in the suite's order, those set aside)."""
    order = {case_id: place for place, case_id in enumerate(cases)}
    paths = sorted(
        (path for path in folder.iterdir() if _is_bundle(path, cases)),
        key=lambda path: (order.get(path.name, len(order)), path.name),
    )
    runs, aside = [], []
    with _without_garbage_collection():
        for path in paths:
            try:
                runs.append(_run(path))
            except UNREADABLE as error:
                aside.append(Aside(plain(path.name), _reason(error)))
    return runs, aside


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Every record that is read is kept, so that collecting finds nothing and costs a quarter."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _is_bundle(path: Path, cases: Dict[str, str]) -> bool:
    # the runner names an attempt `.<case_id>.open` and what it could not read `<case_id>.corrupt`
    finished = not path.name.startswith(".") and ".corrupt" not in path.name
    return finished and path.is_dir() and (path.name in cases or (path / RECORD).exists())


def _run(path: Path) -> Run:
    with open(str(path / RECORD), "rb") as file:
        text = file.read()
    record = records.from_json(text.decode("utf8"))
    manifest.glance(path, text, record.hashed)
    if record.case_id != path.name:  # a copied folder is not a second measurement
        raise ValueError("its record says it is {!r}".format(record.case_id))
    record_shape.check(record)  # before anything is read out of it
    beside = set(os.listdir(str(path)))
    return Run(record, tuple(name for name in SIDE_FILES if name in beside), rows.parts(record))


def _distinct(runs: List[Run]) -> Tuple[List[Run], List[Aside]]:
    """(runs, doubles): of two runs of one method and seed, the earlier is set aside.

    Counting a seed twice would shrink the spread.
    """
    latest = {}
    for run in sorted(runs, key=lambda run: (run.record.finished_utc, run.record.case_id)):
        latest[_identity(run)] = run
    kept = [run for run in runs if latest[_identity(run)] is run]
    doubles = [
        Aside(
            plain(run.record.case_id),
            "it has the settings and the seed of {}, which is newer".format(
                plain(latest[_identity(run)].record.case_id)
            ),
        )
        for run in runs
        if latest[_identity(run)] is not run
    ]
    return kept, doubles


def _identity(run: Run) -> Tuple:
    """Equal only for two measurements of the same thing."""
    return tuple(run.parts.row[name] for name in ("block", "method", "seed"))


def _reason(error: Exception) -> str:
    """Why a file could not be read, on one line."""
    if isinstance(error, KeyError):
        return "{} is missing".format(error)
    if isinstance(error, FileNotFoundError):
        return "it has no {}".format(RECORD)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return plain(error)[:300] or type(error).__name__  # it may quote the whole file


def _use_plugins(document: Dict[str, Any]) -> List[str]:
    """Lets sections of the user's own be found; a folder that has gone costs a sentence."""
    try:
        plugins.use(**document.get("plugins", {}))
    except ValueError as error:
        return ["sections of your own are left out: {}".format(error)]
    return []
