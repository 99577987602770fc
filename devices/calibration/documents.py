"""The file of one sensor's calibration: read, checked, and written whole or not at all."""

import json
import os
import tempfile
from math import isfinite
from typing import Any, Dict, Optional, Sequence, Tuple

SCHEMA = 1
# Formats: 1 = {"schema", "sensor": {"adapter", "name", "rail", "serial"}, "facts": {...}}
QUANTITIES = ("gain", "offset_watts", "lag_s", "update_s", "window_s")


def facts(path: str, expected: Dict[str, Optional[str]]) -> Tuple[Dict[str, Any], Optional[str]]:
    """(facts, None) of a file, or ({}, why it is not used)."""
    document, trouble = read(path)
    if trouble is None and document["sensor"] != expected:
        trouble = "{} is of another sensor ({}); it is not used".format(path, document["sensor"])
    return ({}, trouble) if trouble else (document["facts"], None)


def read(path: str) -> Tuple[Dict[str, Any], Optional[str]]:
    """(document, None) of a file, or ({}, why it is not used)."""
    try:
        with open(path, encoding="utf8") as file:
            document = json.load(file)
    except (OSError, ValueError) as error:
        why = "cannot be read: {}".format(" ".join(str(error).split()))
        return {}, _unused(path, why)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else None
        return {}, _unused(path, "has schema {!r}, not {}".format(schema, SCHEMA))
    if not isinstance(document.get("sensor"), dict) or not isinstance(document.get("facts"), dict):
        return {}, _unused(path, "lacks its sensor or its facts")
    problem = flaw(document["facts"])
    return ({}, _unused(path, problem)) if problem else (document, None)


def _unused(path: str, why: str) -> str:
    return "the calibration {} {}; it is not used: calibrate again, or remove the file".format(
        path, why
    )


def flaw(facts: Dict[str, Any]) -> Optional[str]:
    """Why facts cannot be used; None if they can."""
    for name in QUANTITIES:
        each = facts.get(name)
        if each is not None and not _is_quantity(each):
            return "has a {} of {!r}, which is no value with an interval".format(name, each)
        if name == "gain" and each is not None and not each["value"] > 0:
            return "has a gain of {:g}, which no sensor has".format(each["value"])
    span = facts.get("range_watts")
    if span is None or (isinstance(span, (list, tuple)) and len(span) == 2 and _ascends(span)):
        return None
    return "has a range of {!r}, which is not [lowest, highest]".format(span)


def _is_quantity(each: Any) -> bool:
    parts = ("low", "value", "high")
    return isinstance(each, dict) and _ascends([each.get(part) for part in parts])


def _ascends(numbers: Sequence[Any]) -> bool:
    """True if they are finite numbers, none below the one before it."""
    sound = all(_is_number(number) for number in numbers)
    return sound and all(low <= high for low, high in zip(numbers, numbers[1:]))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def write(path: str, text: str) -> None:
    """Write a file whole or not at all, and onto the disk."""
    handle, temporary = tempfile.mkstemp(
        prefix=os.path.basename(path), suffix=".tmp", dir=os.path.dirname(path)
    )
    try:
        with os.fdopen(handle, "w", encoding="utf8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may keep the name and lose the content
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C included: nothing half-written stays
        os.unlink(temporary)
        raise
