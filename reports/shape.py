"""What a record must look like before anything is read out of it."""

RECORD = {
    "suite": str, "case_id": str, "label": str, "attempts": int,
    "started_utc": str, "finished_utc": str,
    "case": {"model": {"name": str}, "dataset": {"name": str},
             "train": {"seed": int, "epochs": int}, "prune": {"recipe": str}, "measure": dict},
    "device": dict, "environment": dict, "dense": dict, "final": dict, "warnings": [str],
    "phases": [{"name": str, "status": str, "flops": dict}],
    "epochs": [{"phase": str, "epoch": int, "status": str}],
    "layers": [{"group": str}],
}
WORDS = {str: "text", int: "a whole number", dict: "a table", list: "a list"}


def check(record) -> None:
    """Raises a ValueError that names the first part of a record that is not what it must be."""
    for name, shape in RECORD.items():
        _check(getattr(record, name), shape, name)
    if record.ticket is not None:
        _check(record.ticket, {"epoch": (int, type(None)), "distances": list, "detector": str},
               "ticket")


def _check(value, shape, name: str) -> None:
    kinds = shape if isinstance(shape, (type, tuple)) else type(shape)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ValueError("{} is {:.60}, not {}".format(
            name, repr(value), WORDS.get(kinds, "a whole number or nothing")))
    if isinstance(shape, list):
        for number, each in enumerate(value):
            _check(each, shape[0], "{}[{}]".format(name, number))
    elif isinstance(shape, dict):
        for key, part in shape.items():
            if key not in value:
                raise ValueError("{}.{} is missing".format(name, key))
            _check(value[key], part, "{}.{}".format(name, key))
