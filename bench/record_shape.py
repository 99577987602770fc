"""What a record must look like before anything is read out of it. Free of torch."""

from typing import Any, Dict

from edgejoule.bench.records import RunRecord

NUMBER = (int, float)
MAYBE = (int, float, type(None))  # None: not measured
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
    "phases": [
        {
            "name": str,
            "status": str,
            "seconds": NUMBER,
            "joules": MAYBE,
            "epochs": int,
            "flops": dict,
        }
    ],
    "epochs": [
        {
            "phase": str,
            "epoch": int,
            "status": str,
            "seconds": NUMBER,
            "joules": MAYBE,
            "flops": dict,
        }
    ],
    "layers": [{"group": str}],
}
WORDS: Dict[Any, str] = {
    str: "text",
    int: "a whole number",
    dict: "a table",
    list: "a list",
    NUMBER: "a number",
    MAYBE: "a number or nothing",
}


def check(record: RunRecord) -> None:
    """Nothing, for a record that has the shape of one.

    Raises:
        ValueError: names the first part that is not what it must be.
    """
    for name, shape in RECORD.items():
        value = getattr(record, name)
        if not _fits(value, shape):
            _check(value, shape, name)
    if not record.phases:  # a network that was never trained would count as a seed
        raise ValueError("phases is empty: nothing was measured")
    if record.ticket is not None:
        _check(
            record.ticket,
            {"epoch": (int, type(None)), "distances": list, "detector": str},
            "ticket",
        )


def _fits(value: Any, shape: Any) -> bool:
    """True if `_check` would find nothing; quicker, as it keeps no name of what it looks at."""
    if isinstance(shape, type):
        return type(value) is shape  # isinstance would take True for a whole number
    if isinstance(shape, tuple):
        return type(value) in shape
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
