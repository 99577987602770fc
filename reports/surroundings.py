"""What runs share and what differs between them: device and environment, flattened."""

import re
from typing import Any, Dict, Iterable, List, Tuple

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
    """Nested dicts as one, names joined by dots; lists stay values."""
    found = {}
    for key, value in table.items():
        if isinstance(value, dict) and value:  # an empty one would vanish; it reads "unknown"
            found.update(flat(value, "{}{}.".format(prefix, key)))
        else:
            found["{}{}".format(prefix, key)] = value
    return found


def describe(value: Any) -> str:
    """One value of an entry, in words."""
    if value is None or value == {} or value == []:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "{:.6g}".format(value)
    if isinstance(value, str) and re.match("[0-9a-f]{40}$", value):
        return value[:10]  # a commit
    return plain(
        listed(value, most=8)
        if isinstance(value, list) and all(isinstance(each, str) for each in value)
        else value
    )


def _span(values: List, distinct: List[str]) -> str:
    """A range of numbers, else the different values."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if numbers:
        return span(describe(min(values)), describe(max(values)))
    return listed(distinct)
