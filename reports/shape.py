"""What a record must look like before anything is read out of it, and what its numbers must be."""

import math
from typing import Any, Dict

from edgejoule.bench.records import RunRecord

# a kind of value, a list of one shape for all its entries, or a table with a shape for each key
RECORD: Dict[str, Any] = {
    "suite": str,
    "case_id": str,
    "label": str,
    "attempts": int,
    "started_utc": str,
    "finished_utc": str,
    "case": {
        "model": {"name": str},
        "dataset": {"name": str},
        "train": {"seed": int, "epochs": int},
        "prune": {"recipe": str},
        "measure": dict,
    },
    "device": dict,
    "environment": dict,
    "dense": dict,
    "final": dict,
    "warnings": [str],
    "phases": [{"name": str, "status": str, "flops": dict}],
    "epochs": [{"phase": str, "epoch": int, "status": str}],
    "layers": [{"group": str}],
}
WORDS: Dict[Any, str] = {str: "text", int: "a whole number", dict: "a table", list: "a list"}


def check(record: RunRecord) -> None:
    """Nothing, for a record that has the shape of one.

    Raises:
        ValueError: names the first part that is not what it must be.
    """
    for name, shape in RECORD.items():
        value = getattr(record, name)
        if not _fits(value, shape):
            _check(value, shape, name)
    if record.ticket is not None:
        _check(
            record.ticket,
            {"epoch": (int, type(None)), "distances": list, "detector": str},
            "ticket",
        )


def number(value: Any, name: str) -> Any:
    """The value, if it is a finite number; NaN and infinity are none, nor is a truth value.

    Raises:
        ValueError: it is not.
    """
    if type(value) is int or type(value) is float and math.isfinite(value):  # nearly all are
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("{} is {!r}, not a number".format(name, value))
    return value


def number_or_none(value: Any, name: str) -> Any:
    """The value, if it is None (unknown) or a finite number.

    Raises:
        ValueError: it is neither.
    """
    return None if value is None else number(value, name)


def fraction(value: Any, name: str) -> float:
    """The value, if it is a number from 0 to 1.

    Raises:
        ValueError: it is not.
    """
    if not 0 <= number(value, name) <= 1:
        raise ValueError("{} is {!r}, not a fraction from 0 to 1".format(name, value))
    return value


def _fits(value: Any, shape: Any) -> bool:
    """True if `_check` would find nothing; quicker, as it keeps no name of what it looks at."""
    if isinstance(shape, type):
        return type(value) is shape  # isinstance would take True for a whole number
    if isinstance(shape, list):
        return type(value) is list and all(_fits(each, shape[0]) for each in value)
    return type(value) is dict and all(
        key in value and _fits(value[key], part) for key, part in shape.items()
    )


def _check(value: Any, shape: Any, name: str) -> None:
    kinds: Any = shape if isinstance(shape, (type, tuple)) else type(shape)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ValueError(
            "{} is {:.60}, not {}".format(  # cut off: the value may be a whole file
                name, repr(value), WORDS.get(kinds, "a whole number or nothing")
            )
        )
    if isinstance(shape, list):
        for place, each in enumerate(value):
            _check(each, shape[0], "{}[{}]".format(name, place))
    elif isinstance(shape, dict):
        for key, part in shape.items():
            if key not in value:
                raise ValueError("{}.{} is missing".format(name, key))
            _check(value[key], part, "{}.{}".format(name, key))
