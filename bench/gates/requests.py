"""Turns what a person wants compared into a request: commits, suites, or configurations."""

import json
from typing import List, NamedTuple, Tuple

from edgejoule.bench import plugins, suite
from edgejoule.bench.gates import abba, confirm, trees

DEFAULT_SUITE = "quick"


class Wish(NamedTuple):
    """The command line of a comparison."""

    names: Tuple[str, ...]  # two commits or two suites, or nothing
    suite: str
    overrides: List[str]  # for both sides
    own: Tuple[List[str], List[str]]  # for one side
    only: List[str]  # labels
    fake_power: Tuple[str, str]
    repository: str


def request(wish: Wish) -> confirm.Request:
    """The request, its subjects matched.

    Raises:
        ValueError: what was not understood.
    """
    if len(wish.names) not in (0, 2):
        raise ValueError("compare takes two names, A and B; {} were given".format(len(wish.names)))
    if not wish.names:
        return _configurations(wish)
    kinds = [_is_suite(name) for name in wish.names]
    if any(kinds) and not all(kinds):
        odd = wish.names[kinds.index(False)]
        raise ValueError(
            "{!r} is no suite and {!r} is one; compare two suites, or two commits "
            "with --suite{}".format(
                odd, wish.names[kinds.index(True)], plugins.nearest(odd, _suites())
            )
        )
    return _of_suites(wish) if all(kinds) else _of_commits(wish)


def _of_commits(wish: Wish) -> confirm.Request:
    commits = tuple(
        name if name == trees.HERE else trees.resolve(name, wish.repository) for name in wish.names
    )
    words = tuple(
        "the working tree"
        if commit == trees.HERE
        else name
        if commit.startswith(name)
        else "{} ({})".format(name, commit[:9])
        for name, commit in zip(wish.names, commits)
    )
    both = [_methods(wish, wish.suite or DEFAULT_SUITE, side) for side in (0, 1)]
    notes = ["both are the same commit: this measures the noise"] if len(set(commits)) == 1 else []
    dirty = trees.here(wish.repository).dirty
    if dirty and trees.HERE not in commits:
        notes.append(
            "the working tree has uncommitted changes; they are on neither side "
            "(write . for the working tree)"
        )
    return confirm.Request(
        words,
        commits,
        _matched(*both),
        confirm.COSTS + ("accuracy",),
        tuple(notes),
        wish.repository,
    )


def _of_suites(wish: Wish) -> confirm.Request:
    both = [_methods(wish, name, side) for side, name in enumerate(wish.names)]
    return _here(wish, tuple("suite {}".format(name) for name in wish.names), both)


def _configurations(wish: Wish) -> confirm.Request:
    if not any(wish.own) and len(set(wish.fake_power)) == 1:
        raise ValueError(
            "compare what? Two commits, two suites, or one suite with --a and --b: "
            "edgejoule compare --suite quick --a prune.criterion=slim "
            "--b prune.criterion=l2"
        )
    both = [_methods(wish, wish.suite or DEFAULT_SUITE, side) for side in (0, 1)]
    words = tuple(", ".join(own) or "as it is" for own in wish.own)
    return _here(wish, words, both)


def _here(wish: Wish, words, both) -> confirm.Request:
    """A request of which both sides run the code that is here."""
    subjects = _matched(*both)
    same = [each.label for each in subjects if each.cases[0] == each.cases[1]]
    notes = []
    if same and len(same) < len(subjects):
        subjects = [each for each in subjects if each.label not in same]
        notes.append("left out, the same on both sides: {}".format(", ".join(same)))
    elif same:
        notes.append("both sides are the same: this measures the noise")
    if trees.here(wish.repository).dirty:
        notes.append("the code has uncommitted changes")
    return confirm.Request(
        words, (trees.HERE, trees.HERE), subjects, notes=tuple(notes), repository=wish.repository
    )


def _methods(wish: Wish, name: str, side: int):
    """The methods of one side that are asked for."""
    overrides = list(wish.overrides) + list(wish.own[side])
    if wish.fake_power[side]:
        overrides.append("measure.fake_power={}".format(json.dumps(wish.fake_power[side])))
    found = confirm.methods(suite.read(name, overrides))
    if not wish.only:
        return found
    chosen = {label: cases for label, cases in found.items() if label in wish.only}
    unknown = [label for label in wish.only if label not in found]
    if unknown and not chosen:
        raise ValueError(
            "suite {} has no method {!r}; it has: {}.{}".format(
                name, unknown[0], ", ".join(found), plugins.nearest(unknown[0], found)
            )
        )
    return chosen


def _matched(a, b) -> List[abba.Subject]:
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
