"""What a record must look like before anything is read out of it."""

RECORD = {
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
WORDS = {str: "text", int: "a whole number", dict: "a table", list: "a list"}


def check(record) -> None:
    """Raises a ValueError that names the first part of a record that is not what it must be."""
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


def _fits(value, shape) -> bool:
    """True if `_check` has nothing to say; it names what it looks at, which takes longer."""
    if isinstance(shape, type):
        return type(value) is shape
    if isinstance(shape, list):
        return type(value) is list and all(_fits(each, shape[0]) for each in value)
    return type(value) is dict and all(
        key in value and _fits(value[key], part) for key, part in shape.items()
    )


def _check(value, shape, name: str) -> None:
    kinds = shape if isinstance(shape, (type, tuple)) else type(shape)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ValueError(
            "{} is {:.60}, not {}".format(
                name, repr(value), WORDS.get(kinds, "a whole number or nothing")
            )
        )
    if isinstance(shape, list):
        for number, each in enumerate(value):
            _check(each, shape[0], "{}[{}]".format(name, number))
    elif isinstance(shape, dict):
        for key, part in shape.items():
            if key not in value:
                raise ValueError("{}.{} is missing".format(name, key))
            _check(value[key], part, "{}.{}".format(name, key))
