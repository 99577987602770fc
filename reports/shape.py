"""What the numbers of a record must be before they enter a table."""

import math
from typing import Any


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
