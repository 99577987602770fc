"""What may be asked of a watch, from the words of a command line.

Each raises `argparse.ArgumentTypeError`, whose sentence the parser prints after the option's name.
"""

import re
from argparse import ArgumentTypeError
from typing import Optional

LONGEST_S = 86400.0  # between two looks; who wants fewer than one a day forgot the unit
HIGHEST_PORT = 65535


def interval(text: str) -> float:
    """Seconds between two looks."""
    seconds = _number(text)
    if seconds is None or not 0.0 < seconds <= LONGEST_S:
        raise ArgumentTypeError(
            "asked for {!r} seconds between looks; it must be more than 0 and at most {:g}".format(
                text, LONGEST_S
            )
        )
    return seconds


def duration(text: str) -> float:
    """Seconds after which watching ends."""
    seconds = _number(text)
    if seconds is None or not 0.0 < seconds < float("inf"):
        raise ArgumentTypeError(
            "asked to stop after {!r} seconds; it must be a number, and more than 0 (leave it "
            "out to watch without an end)".format(text)
        )
    return seconds


def port(text: str) -> int:
    """The number of a TCP port, 0 for any that is free."""
    if not re.match("[0-9]{1,5}$", text) or int(text) > HIGHEST_PORT:
        raise ArgumentTypeError(
            "asked for port {!r}; it must be a whole number from 0 (any free one) to {}".format(
                text, HIGHEST_PORT
            )
        )
    return int(text)


def _number(text: str) -> Optional[float]:
    """The number a text holds; None if it holds none."""
    try:
        return float(text)
    except ValueError:
        return None
