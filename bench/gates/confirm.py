"""A against B on one device: two commits, two suites or two configurations, in pairs.

The nightly gate asks `confirm` whether a suspect comes from the code; `edgejoule compare` asks
`compare` whatever a person wants to know. Finished pairs stay in `folder`: asked the same thing
again, after a kill or tomorrow, only what is missing is run.
"""

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from edgejoule.bench import bundle, records, stderr, suite
from edgejoule.bench.gates import abba, comparison, limits, trees
from edgejoule.bench.history import store
from edgejoule.devices.clock import MACHINE, Clock

FOLDER = Path("runs") / "compare"
ROUNDS = 3  # times the pairs, until a trial can say something
COSTS = ("joules", "seconds")  # what decides; watts are their quotient


class Request(NamedTuple):
    """What is to be compared: two names, two states of the code, and the subjects."""

    words: Tuple[str, str]
    commits: Tuple[str, str]  # whole hashes, or trees.HERE
    subjects: List[abba.Subject]
    judged: Tuple[str, ...] = COSTS
    notes: Tuple[str, ...] = ()
    repository: Path = trees.plugins.ROOT


class Execution(NamedTuple):
    """How pairs are run: how many, where they are kept, who hears of each, and by which clock."""

    pairs: Optional[int] = None  # as many as the thresholds say
    folder: Optional[store.Folder] = None  # `FOLDER`
    say: Callable[[str], None] = stderr.tell
    clock: Clock = MACHINE


AS_USUAL = Execution()


def confirm(
    asked: suite.Suite,
    case: Union[str, suite.Case],
    commits: Tuple[str, str],
    by: Execution = AS_USUAL,
    thresholds: Optional[limits.Thresholds] = None,
    repository: Path = trees.plugins.ROOT,
) -> comparison.Comparison:
    """Did the costs of a case (or of the label of one) rise between two commits, old and new?

    Judged by the floor of a suspect, not that of a regression: the step was seen already. While
    the pairs cannot tell, as many again are run, twice at most. Whoever calls holds the device.

    Raises:
        ValueError: there is no such case or commit.
    """
    thresholds = thresholds or limits.read(suite=asked.name)
    floors = {name: floor * thresholds.suspect for name, floor in thresholds.floors.items()}
    request = _request(asked, case, commits, repository)
    for rounds in range(1, ROUNDS + 1):
        more = by._replace(pairs=rounds * (by.pairs or thresholds.pairs))
        found = compare(request, thresholds._replace(floors=floors), more)
        if not comparison.undecided(found):
            break
    return found


def _request(
    asked: suite.Suite,
    case: Union[str, suite.Case],
    commits: Tuple[str, str],
    repository: Path,
) -> Request:
    """One method of a suite, the code before against the code after."""
    label = case if isinstance(case, str) else suite.label(case)
    cases = tuple(
        each
        for each in asked.cases
        if suite.label(each) == label
        and (isinstance(case, str) or suite.method(each) == suite.method(case))
    )
    if not cases:
        raise ValueError("suite {} has no case {!r}".format(asked.name, label))
    before, after = (trees.resolve(each, repository) for each in commits)
    return Request(
        ("commit " + before[:9], "commit " + after[:9]),
        (before, after),
        [abba.Subject(label, (cases, cases))],
        COSTS + ("accuracy",),
        repository=repository,
    )


def compare(
    request: Request, thresholds: limits.Thresholds, by: Execution = AS_USUAL
) -> comparison.Comparison:
    """Runs the pairs that are missing and judges them all.

    Raises:
        ValueError: another process runs the same comparison.
    """
    root = place(request, by.folder)
    root.mkdir(parents=True, exist_ok=True)
    with bundle.lock(root / ".lock", "this comparison"), ExitStack() as stack:
        bundle.write_text(root / "request.json", _identity(request) + "\n")
        try:
            run = abba.run(
                root,
                _sides(request, root, stack),
                request.subjects,
                by.pairs or thresholds.pairs,
                by.say,
                by.clock,
            )
        except RuntimeError as error:  # a run that failed, a commit that git cannot check out
            return _comparison("INVALID", request, [], [str(error)], root, [])
    rules = comparison.Rules(thresholds.floors, request.judged, thresholds.demand, thresholds.draws)
    subjects = [comparison.judge(label, found, rules) for label, found in run.items()]
    return _comparison(
        comparison.overall(subjects),
        request,
        subjects,
        [],
        root,
        [record for found in run.values() for pair in found for record in pair],
    )


def place(request: Request, folder: Optional[store.Folder] = None) -> Path:
    """Where the pairs of a request lie: equal requests share them."""
    key = hashlib.sha256(_identity(request).encode("utf8")).hexdigest()[:8]
    words = "-".join(each.replace("/", "-").replace(" ", "-") for each in request.words)
    safe = "".join(c if c.isalnum() or c in "-._" else "_" for c in words)[:60]
    return Path(folder or FOLDER) / "{}-{}".format(safe, key)


def methods(asked: suite.Suite) -> Dict[str, Tuple[suite.Case, ...]]:
    """{label: its cases, one per seed}; where methods share a label, model and data precede it."""
    found: Dict[str, List[suite.Case]] = {}
    for case in asked.cases:
        found.setdefault(suite.method(case), []).append(case)
    labels = [suite.label(cases[0]) for cases in found.values()]
    named = {}
    for label, cases in zip(labels, found.values()):
        if labels.count(label) > 1:
            label = "{} on {}, {}".format(cases[0].model["name"], cases[0].dataset["name"], label)
        while label in named:
            label += "'"
        named[label] = tuple(cases)
    return named


def _sides(request: Request, root: Path, stack: ExitStack) -> Dict[str, abba.Side]:
    """Both sides' trees; those that are made for it are taken away at the end."""
    found = {}
    for name, words, commit in zip(abba.SIDES, request.words, request.commits):
        if commit == trees.HERE:
            tree = trees.here(request.repository)
        else:
            folder = root / "trees" / commit[:12]
            stack.callback(trees.remove, folder, request.repository)
            tree = trees.checked_out(commit, folder, request.repository)
        found[name] = abba.Side(words, tree)
    return found


def _identity(request: Request) -> str:
    """What two requests must have in common to share their pairs, as JSON."""
    codes = [
        trees.here(request.repository).key if commit == trees.HERE else commit
        for commit in request.commits
    ]
    cases = [
        [[case._asdict() for case in side] for side in subject.cases]
        for subject in request.subjects
    ]
    return json.dumps(
        {"code": codes, "labels": [s.label for s in request.subjects], "cases": cases},
        sort_keys=True,
    )


def _comparison(
    verdict: str,
    request: Request,
    subjects: List[Dict],
    notes: List[str],
    root: Path,
    runs: List[records.RunRecord],
) -> comparison.Comparison:
    fakes = sorted({run.device["fake"] for run in runs if run.device.get("fake")})
    return comparison.Comparison(
        verdict,
        request.words[0],
        request.words[1],
        subjects,
        list(request.notes) + notes,
        str(root),
        ", ".join(fakes) or None,
    )
