"""What runs share and what differs between them: device and environment, flattened."""

import re
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from edgejoule.bench.records import RunRecord
from edgejoule.reports import load
from edgejoule.reports.words import listed, plain, span


def shared_and_differing(
    bundles: load.Bundles,
) -> Tuple[List[Tuple[str, str]], List[Tuple[str, str]]]:
    """((name, value) of what all runs share, (name, values) of what differs), sorted by name."""
    tables = [_table(run.record) for run in bundles.runs]
    shared, differing = [], []
    for name in sorted({name for table in tables for name in table}):
        values = _distinct(table.get(name) for table in tables)
        distinct = list(dict.fromkeys(describe(value) for value in values))
        if len(distinct) == 1:
            shared.append((plain(name), distinct[0]))
        else:
            differing.append((plain(name), _span(values, distinct)))
    return shared, differing


def _distinct(values: Iterable[Any]) -> List:
    """The values, each once: of ten thousand runs most say the same."""
    # by repr: lists have no hash
    return list({repr(value): value for value in values}.values())


def _table(record: RunRecord) -> Dict[str, Any]:
    table = flat({"device": record.device})
    table.update(flat(record.environment))
    return table


def flat(table: Dict, prefix: str = "") -> Dict[str, Any]:
    """Nested dicts as one, names joined by dots; lists stay values.

    A list of dicts that have a name each, such as the checks of a doctor, is a table of them.
    """
    found = {}
    for key, value in table.items():
        named = _named(value)
        if named:
            found.update({"{}{}.{}".format(prefix, key, each): named[each] for each in named})
        elif isinstance(value, dict) and value:  # an empty one would vanish; it reads "unknown"
            found.update(flat(value, "{}{}.".format(prefix, key)))
        else:
            found["{}{}".format(prefix, key)] = value
    return found


def _named(value: Any) -> Dict[str, Any]:
    """{name: the rest} of a list of dicts with names; empty for anything else."""
    if not isinstance(value, list) or not value:
        return {}
    if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in value):
        return {}
    return {each["name"]: _check(each) for each in value}


def _check(entry: Dict) -> Any:
    """A named entry in one value: a check by its verdict and what it found."""
    rest = {key: value for key, value in entry.items() if key not in ("name", "mend")}
    if set(rest) == {"verdict", "found"}:  # what to do about it does not describe a run
        return "{}: {}".format(rest["verdict"], rest["found"])
    return rest


def describe(value: Any) -> str:
    """One value of an entry, in words; never as Python writes it."""
    if value is None or value == {} or value == []:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "{:.6g}".format(value)
    if isinstance(value, str) and re.match("[0-9a-f]{40}$", value):
        return value[:10]  # a commit
    if isinstance(value, dict):
        return listed(
            ("{} {}".format(plain(key), describe(value[key])) for key in sorted(value, key=str)),
            most=8,
        )
    if isinstance(value, (list, tuple)):
        return listed((describe(each) for each in value), most=8)
    return plain(value)


def across(runs: Sequence[load.Run]) -> List[Tuple[str, List[str]]]:
    """(name, its value in each of these runs in words) of what differs between them, by name."""
    tables = [_table(run.record) for run in runs]
    rows = [
        (plain(name), [describe(table.get(name)) for table in tables])
        for name in sorted({name for table in tables for name in table})
    ]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _span(values: List, distinct: List[str]) -> str:
    """A range of numbers, else the different values."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if numbers:
        return span(describe(min(values)), describe(max(values)))
    return listed(distinct)
