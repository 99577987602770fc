"""Turns what a person wants compared into a request: commits, suites, or configurations."""

import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule import plugins
from edgejoule.bench import suite
from edgejoule.bench.gates import abba, confirm, trees

DEFAULT_SUITE = "quick"

Methods = Dict[str, Tuple[suite.Case, ...]]  # by label, as of `confirm.methods`


class Asked(NamedTuple):
    """The command line of a comparison."""

    names: Tuple[str, ...]  # two commits or two suites, or nothing
    suite: Optional[str]  # what is run for two commits or configurations
    overrides: List[str]  # for both sides
    own: Tuple[List[str], List[str]]  # for one side
    only: List[str]  # labels
    fake_power: Tuple[str, str]  # of either side; "": a sensor
    repository: Path


def request(asked: Asked) -> confirm.Request:
    """The request, its subjects matched.

    Raises:
        ValueError: what was not understood.
    """
    if len(asked.names) not in (0, 2):
        raise ValueError("compare takes two names, A and B; {} were given".format(len(asked.names)))
    if not asked.names:
        return _configurations(asked)
    kinds = [_is_suite(name) for name in asked.names]
    if any(kinds) and not all(kinds):
        odd = asked.names[kinds.index(False)]
        raise ValueError(
            "{!r} is no suite and {!r} is one; compare two suites, or two commits "
            "with --suite{}".format(
                odd, asked.names[kinds.index(True)], plugins.nearest(odd, _suites())
            )
        )
    return _of_suites(asked) if all(kinds) else _of_commits(asked)


def _of_commits(asked: Asked) -> confirm.Request:
    a, b = (
        name if name == trees.HERE else trees.resolve(name, asked.repository)
        for name in asked.names
    )
    both = [_methods(asked, asked.suite or DEFAULT_SUITE, side) for side in (0, 1)]
    notes = ["both are the same commit: this measures the noise"] if a == b else []
    dirty = trees.here(asked.repository).dirty
    if dirty and trees.HERE not in (a, b):
        notes.append(
            "the working tree has uncommitted changes; they are on neither side "
            "(write . for the working tree)"
        )
    return confirm.Request(
        (_called(asked.names[0], a), _called(asked.names[1], b)),
        (a, b),
        _matched(*both),
        confirm.COSTS + ("accuracy",),
        tuple(notes),
        asked.repository,
    )


def _called(name: str, commit: str) -> str:
    """What a side is called: by the name it was given, and its commit where that says more."""
    if commit == trees.HERE:
        return "the working tree"
    return name if commit.startswith(name) else "{} ({})".format(name, commit[:9])


def _of_suites(asked: Asked) -> confirm.Request:
    both = [_methods(asked, name, side) for side, name in enumerate(asked.names)]
    a, b = ("suite {}".format(name) for name in asked.names)
    return _here(asked, (a, b), both)


def _configurations(asked: Asked) -> confirm.Request:
    if not any(asked.own) and len(set(asked.fake_power)) == 1:
        raise ValueError(
            "compare what? Two commits, two suites, or one suite with --a and --b: "
            "edgejoule compare --suite quick --a prune.criterion=slim "
            "--b prune.criterion=l2"
        )
    both = [_methods(asked, asked.suite or DEFAULT_SUITE, side) for side in (0, 1)]
    a, b = (", ".join(own) or "as it is" for own in asked.own)
    return _here(asked, (a, b), both)


def _here(asked: Asked, words: Tuple[str, str], both: List[Methods]) -> confirm.Request:
    """A request of which both sides run the code that is here.

    Methods that are the same on both sides would only cost time; if all are, the noise is asked
    for.
    """
    subjects = _matched(*both)
    same = [each.label for each in subjects if each.cases[0] == each.cases[1]]
    notes = []
    if same and len(same) < len(subjects):
        subjects = [each for each in subjects if each.label not in same]
        notes.append("left out, the same on both sides: {}".format(", ".join(same)))
    elif same:
        notes.append("both sides are the same: this measures the noise")
    if trees.here(asked.repository).dirty:
        notes.append("the code has uncommitted changes")
    return confirm.Request(
        words, (trees.HERE, trees.HERE), subjects, notes=tuple(notes), repository=asked.repository
    )


def _methods(asked: Asked, name: str, side: int) -> Methods:
    """The methods of one side that are asked for."""
    overrides = list(asked.overrides) + list(asked.own[side])
    if asked.fake_power[side]:
        overrides.append("measure.fake_power={}".format(json.dumps(asked.fake_power[side])))
    found = confirm.methods(suite.read(name, overrides))
    if not asked.only:
        return found
    chosen = {label: cases for label, cases in found.items() if label in asked.only}
    unknown = [label for label in asked.only if label not in found]
    if unknown and not chosen:
        raise ValueError(
            "suite {} has no method {!r}; it has: {}.{}".format(
                name, unknown[0], ", ".join(found), plugins.nearest(unknown[0], found)
            )
        )
    return chosen


def _matched(a: Methods, b: Methods) -> List[abba.Subject]:
    """Methods of the same label, or else of the same place, side by side."""
    if not a or not b or (set(a) != set(b) and len(a) != len(b)):
        raise ValueError(
            "A has {} methods ({}), B has {} ({}): which belongs to which? Choose "
            "with --case".format(len(a), ", ".join(a), len(b), ", ".join(b))
        )
    if set(a) == set(b):
        return [abba.Subject(label, (a[label], b[label])) for label in a]
    return [
        abba.Subject(old if old == new else "{} / {}".format(old, new), (a[old], b[new]))
        for old, new in zip(a, b)
    ]


def _is_suite(name: str) -> bool:
    return name.endswith(".toml") or name in _suites()


def _suites() -> List[str]:
    return sorted(path.stem for path in suite.SUITES.glob("*.toml"))
