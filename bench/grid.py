"""The grid of a suite: lists are axes, overrides and sweeps change tables. Free of torch."""

import itertools
import sys
from typing import Dict, List, Tuple

from edgejoule.bench import settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMED_BY = {"model": "name", "dataset": "name", "prune": "recipe"}
# of plug-ins that bring settings of their own
NAMES = ("name", "recipe", "criterion", "saliency", "optimiser", "schedule", "initialisation")
ORDER = ("model", "dataset", "measure", "train", "prune")  # the last varies fastest


def tables(section: str, value) -> List[Dict]:
    """A section as a list of tables; a plain name stands for a table with that name.

    Raises:
        ValueError: the section is missing, or is no table.
    """
    if value is None and section in ("train", "measure"):
        return [{}]
    if value is None:
        raise ValueError("[{}] is missing; bench/suites/quick.toml shows one".format(section))
    values = value if isinstance(value, list) else [value]
    found = [{NAMED_BY.get(section): v} if isinstance(v, str) else v for v in values]
    if not found or not all(isinstance(table, dict) for table in found):
        raise ValueError(
            "{} = {!r} is neither a name, a table, nor a list of them".format(section, value)
        )
    return [dict(table) for table in found]


def count(sections: Dict[str, List[Dict]]) -> int:
    """How many points the grid has; none of them is built, so that millions take no time."""
    sizes = [sum(_size(key, table) for table in sections[key]) for key in ORDER]
    return _product(sizes)


def expand(sections: Dict[str, List[Dict]]):
    """Yields {section: resolved table} for every point of the grid, in running order."""
    resolved = {
        key: [point for table in sections[key] for point in _points(key, table)] for key in ORDER
    }
    for values in itertools.product(*(resolved[key] for key in ORDER)):
        yield settings.with_epochs(dict(zip(ORDER, values)))


def override(sections: Dict[str, List[Dict]], text: str, sweep: bool = False) -> None:
    """Applies "a.b=c" (a sweep: "a.b=x,y") to every table of section a that knows b."""
    section, key, right = _assignment(text)
    point = [value(each) for each in right.split(",")] if sweep else value(right)
    able = [table for table in sections[section] if key in _allowed(section, table)]
    if not able:
        settings.check_known(section, {key: point}, _allowed(section, sections[section][-1]))
    for table in able:
        table[key] = point


def first(value):
    """The first point of an axis."""
    return value[0] if isinstance(value, list) and value else value


def _points(section: str, table: Dict):
    """Every combination of a table's axes, each resolved against the defaults."""
    for values in itertools.product(*_axes(section, table)):
        yield settings.resolve(section, dict(zip(table, values)))


def _size(section: str, table: Dict) -> int:
    """How many points a table has."""
    return _product([len(axis) for axis in _axes(section, table)])


def _product(sizes: List[int]) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found


def _axes(section: str, table: Dict) -> List[List]:
    """The values of every key of a table, in the table's order."""
    if NAMED_BY.get(section, "") not in table and section in NAMED_BY:
        raise ValueError("[{}] has no {}".format(section, NAMED_BY[section]))
    known = _allowed(section, table, every=True)
    settings.check_known(section, table, known)
    return [_axis(section, table, key, known) for key in table]


def _axis(section: str, table: Dict, key: str, known: Dict) -> List:
    """The values of one key: a list is an axis, unless the setting itself is a list."""
    value = table[key]
    if not isinstance(value, list):
        return [value]
    if isinstance(known[key], (list, tuple)):
        return value if value and isinstance(value[0], list) else [value]
    if not value:
        raise ValueError("{}.{} = [] is an axis without values".format(section, key))
    return value


def _allowed(section: str, table: Dict, every: bool = False) -> Dict:
    """Settings of a table whose names may themselves be axes: of the first, or of every name."""
    names = [key for key in NAMES if key in table]
    axes = [
        table[key] if isinstance(table[key], list) and every else [first(table[key])]
        for key in names
    ]
    known = {}
    for point in itertools.product(*axes):
        known.update(settings.allowed(section, dict(table, **dict(zip(names, point)))))
    return known


def _assignment(text: str) -> Tuple[str, str, str]:
    left, equals, right = text.partition("=")
    section, dot, key = left.strip().partition(".")
    if not (equals and dot and key and section in settings.SECTIONS):
        raise ValueError(
            "{!r} is not section.key=value with a section of {}; for example train.epochs=3".format(
                text, ", ".join(settings.SECTIONS)
            )
        )
    return section, key, right.strip()


def value(text: str):
    """A TOML value; what TOML cannot read is a string."""
    try:
        return tomllib.loads("value = " + text)["value"]
    except ValueError:
        return text
