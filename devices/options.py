"""Numbers that options take: types for argparse whose complaint says what would be right."""

from argparse import ArgumentTypeError
from typing import Callable

MOST = 1e8  # three years in seconds; the waits of Python overflow at a hundred times that


def count(least: int) -> Callable[[str], int]:
    """A type for whole numbers from `least` on."""

    def whole(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= MOST:
            raise _refused(text, "a whole number from {} on".format(least))
        return number

    return whole


def amount(text: str) -> float:
    """A number from 0 on.

    Raises:
        ArgumentTypeError: the text is none, or NaN, negative or without an end.
    """
    number = _number(text)
    if not 0.0 <= number <= MOST:  # written so that NaN fails too
        raise _refused(text, "a number from 0 to {:g}".format(MOST))
    return number


def positive(text: str) -> float:
    """A number that is more than 0.

    Raises:
        ArgumentTypeError: the text is none, or NaN, 0, negative or without an end.
    """
    number = _number(text)
    if not 0.0 < number <= MOST:
        raise _refused(text, "more than 0, and at most {:g}".format(MOST))
    return number


def _number(text: str) -> float:
    """The number that a text is; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _refused(text: str, right: str) -> ArgumentTypeError:
    return ArgumentTypeError("asked for {!r}; it must be {}".format(text, right))
