"""Pairs of runs, interleaved A B B A A B B A ..., each run a fresh process of its side's own code.

    <folder>/<subject>/pair-01/A/<suite>/<case_id>/    a normal bundle
    <folder>/<subject>/pair-01/done                    both sides ran in one sitting

A drifting machine hits both sides of a pair alike, and turning every other pair round takes away
what a straight drift leaves. A pair that was interrupted is run again whole: hours between its
sides would make it no pair. Free of torch.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Tuple

from edgejoule.bench import bundle, records, runner, suite
from edgejoule.bench.gates import case_file, trees
from edgejoule.bench.history import night_rows
from edgejoule.devices.clock import MACHINE, Clock

SIDES = ("A", "B")


class Side(NamedTuple):
    """One of the two: what it is called, and the code that runs it."""

    words: str
    tree: trees.Tree


class Subject(NamedTuple):
    """What is run in pairs: a method's cases, one per seed, on either side."""

    label: str
    cases: Tuple[Tuple[suite.Case, ...], Tuple[suite.Case, ...]]

    def pair(self, number: int) -> Tuple[suite.Case, suite.Case]:
        """The cases of a pair; the seeds take turns."""
        a, b = (side[number % len(side)] for side in self.cases)
        return a, b


class Pair(NamedTuple):
    """The records of one pair."""

    a: records.RunRecord
    b: records.RunRecord


class Failed(RuntimeError):
    """A side could not be run; the message says where its log is."""


def order(number: int) -> Tuple[str, str]:
    """Which side goes first in a pair, counted from 0, and which second."""
    return ("A", "B") if number % 2 == 0 else ("B", "A")


def run(
    folder: Path,
    sides: Dict[str, Side],
    subjects: List[Subject],
    count: int,
    say: Callable[[str], None],
    clock: Clock = MACHINE,
) -> Dict[str, List[Pair]]:
    """{label: its pairs}, as many as asked for; pairs that are done are only read.

    Raises:
        Failed: a run ended with an error.
    """
    found: Dict[str, List[Pair]] = {subject.label: [] for subject in subjects}
    spent: List[float] = []
    left, whole = _left(folder, subjects, count), count * len(subjects)
    if left < whole:
        say("{} of {} pairs were done before".format(whole - left, whole))
    # a pair of every subject before the next of any: stopped early, all have as many
    for number in range(count):
        for subject in subjects:
            place, began_s = _place(folder, subjects, subject, number), clock.now()
            new = not (place / "done").exists()
            if new:
                _measure(place, sides, subject, number)
                spent.append(clock.now() - began_s)
                left -= 1
            pair = Pair(*(_record(place / side) for side in SIDES))
            found[subject.label].append(pair)
            if new:
                title = "{} {}/{}".format(subject.label, number + 1, count)
                say("[{}] {}{}".format(title, _ratios(pair), _remaining(spent, left)))
    return found


def _measure(place: Path, sides: Dict[str, Side], subject: Subject, number: int) -> None:
    """Runs both sides of a pair, one after the other; half a pair is never kept."""
    shutil.rmtree(str(place), ignore_errors=True)
    place.mkdir(parents=True)
    cases = dict(zip(SIDES, subject.pair(number)))
    for name in order(number):
        _run(place / name, sides[name], cases[name], subject.label)
    bundle.write_text(place / "done", "")


def _run(folder: Path, side: Side, case: suite.Case, label: str) -> None:
    """Runs a case by a side's own code, in a process and a folder of its own."""
    folder.mkdir()
    asked = folder / "case.toml"
    bundle.write_text(asked, case_file.text(case, "side", "What does {} cost?".format(label)))
    command = [
        sys.executable,
        str(side.tree.root / "edgejoule.py"),
        "run",
        str(asked.resolve()),
        "--runs",
        str(folder.resolve()),
    ]
    # the comparison holds the device itself; its own runs lock elsewhere
    environment = dict(os.environ, EDGEJOULE_LOCKS=str((folder / "locks").resolve()))
    with open(str(folder / "log"), "w") as log:
        code = subprocess.call(
            command,
            cwd=str(side.tree.root),
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=runner.attached(),
        )
    if code:
        raise Failed(
            "{} of {} ended with exit code {}: {} (log: {})".format(
                side.words, label, code, _last_line(folder / "log"), folder / "log"
            )
        )


def _record(folder: Path) -> records.RunRecord:
    found = list(bundle.scan(folder / "side"))
    if len(found) != 1:
        raise Failed(
            "{} holds {} bundles, not one; remove it to run the pair again".format(
                folder, len(found)
            )
        )
    return bundle.read(found[0])


def _place(folder: Path, subjects: List[Subject], subject: Subject, number: int) -> Path:
    # numbered: two labels may make the same slug
    slug = re.sub(r"[^a-zA-Z0-9.-]+", "-", subject.label)[:60]
    name = "{:02}-{}".format(subjects.index(subject) + 1, slug)
    return folder / name / "pair-{:02}".format(number + 1)


def _left(folder: Path, subjects: List[Subject], count: int) -> int:
    """How many pairs are still to be run."""
    return sum(
        not (_place(folder, subjects, subject, number) / "done").exists()
        for subject in subjects
        for number in range(count)
    )


def _ratios(pair: Pair) -> str:
    """What both sides cost and their ratios, in words."""
    parts = []
    for name, unit in (("joules", "J"), ("seconds", "s")):
        a, b = (night_rows.metrics(record._asdict())[name] for record in pair)
        parts.append(
            "{} not measured".format(name)
            if not a or b is None
            else "{:.4g} against {:.4g} {} (x{:.3f})".format(a, b, unit, b / a)
        )
    return ", ".join(parts)


def _remaining(spent: List[float], left: int) -> str:
    """How long the rest will take, by the pairs so far [s]."""
    if not spent or not left:
        return ""
    return "; about {:.0f} min left".format(sum(spent) / len(spent) * left / 60)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
