"""Words for a reader: counts, lists, and names made harmless before they are shown."""

import unicodedata
from typing import Any, Iterable


def plain(value: Any) -> str:
    """The text on one line, control and invisible characters shown as U+FFFD.

    Names come from files: a terminal would obey an escape sequence in one, and a mark for
    right-to-left text would reverse the rest of its line.
    """
    text = " ".join(str(value).split())
    if text.isprintable():  # true of nearly every text, and quicker than looking at each character
        return text
    return "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in text)


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 run", "2 runs"."""
    return "{} {}{}".format(count, noun, "" if count == 1 else "s")


def listed(items: Iterable[str], most: int = 6) -> str:
    """The items as a list in a sentence: "a", "a and b", "a, b and c", "a, b and 4 more"."""
    items = list(items)
    if len(items) > most:
        items = items[: most - 1] + ["{} more".format(len(items) - most + 1)]
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".?!" else ".")


def span(low: str, high: str) -> str:
    """Two numbers already written out, as one or as a range: "0.5" or "0.5 to 0.6"."""
    return low if low == high else "{} to {}".format(low, high)
