"""The lines of a look for a window of any size: none wider than it, and no more than it has."""

import textwrap
import unicodedata
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.devices.live.looks import Look
from edgejoule.devices.reading import DeviceInfo

BAR, NAME = 30, 20  # characters of the longest bar and the longest name
WATTS = 12  # characters of "not measured", and of watts with eight digits
FEW_WATTS = 8  # of those with five, in a window that is too narrow for more
GAPS = 2  # blanks between name, watts and bar
# What stays when not everything fits: the number itself, then what forbids trusting it.
TOTAL, NOT_REAL, REASON, DEVICE, NOTE, RAIL, ZONE, MORE_REASON = range(8)

Ranked = Tuple[int, str]  # (its rank in what stays, a line)


class Window(NamedTuple):
    """The size of a terminal, in characters and lines."""

    columns: int
    lines: int


def block(
    info: DeviceInfo, look: Optional[Look], top: float, note: Optional[str], window: Window
) -> List[str]:
    """The lines to be drawn; a bar is a share of `top` watts. `look` is None before the first.

    `note` is a line of its own below the device's.
    """
    # A character in the last column makes some terminals wrap at once and some not.
    wide = max(window.columns - 1, 1)
    ranked = _head(info, note, wide)
    if look is None:
        ranked.append((TOTAL, "no look yet"))
    else:
        ranked += _rows(look, top, wide)
        ranked += [(ZONE, line) for line in _joined(_zones(look.celsius, wide), wide)]
        reason = textwrap.wrap(_plain(look.reason or ""), wide)
        ranked += [(MORE_REASON if i else REASON, line) for i, line in enumerate(reason)]
    return [cut(line, wide).rstrip() for line in _fitting(ranked, max(window.lines, 1))]


def cut(text: str, wide: int) -> str:
    """As much of a text as takes `wide` cells of a terminal."""
    used = 0
    for place, letter in enumerate(text):
        used += _cells(letter)
        if used > wide:
            return text[:place]
    return text


def _head(info: DeviceInfo, note: Optional[str], wide: int) -> List[Ranked]:
    found = [(DEVICE, _plain("{}: {} of {}".format(info.adapter, info.rail, info.name)))]
    fake = "NOT REAL: " + info.fake if info.fake else ""
    # Wrapped, not cut: half a label or half a port would be taken for the whole.
    found += [(NOT_REAL, line) for line in textwrap.wrap(_plain(fake), wide)]
    return found + [(NOTE, line) for line in textwrap.wrap(_plain(note or ""), wide)]


def _rows(look: Look, top: float, wide: int) -> List[Ranked]:
    rails = [(_plain(name), look.rails[name]) for name in sorted(look.rails)]
    rows: List[Tuple[str, Optional[float]]] = [("total", look.watts)]
    rows += rails
    texts = [_watts(watts) for _, watts in rows]
    # room for watts comes first, then for names; what is left is the bar's
    room = WATTS if wide > NAME + WATTS else max([len(text) for text in texts] + [FEW_WATTS])
    place = max(min(NAME, max(_width(name) for name, _ in rows), wide - room - 1), 1)
    longest = max(min(BAR, wide - place - room - GAPS), 0)
    return [
        (RAIL if number else TOTAL, _row(name, place, text.rjust(room), _bar(watts, top, longest)))
        for number, ((name, watts), text) in enumerate(zip(rows, texts))
    ]


def _row(name: str, place: int, watts: str, bar: str) -> str:
    short = _shortened(name, place)
    return "{}{} {} {}".format(short, " " * (place - _width(short)), watts, bar)


def _watts(watts: Optional[float]) -> str:
    return "not measured" if watts is None else "{:.2f} W".format(watts)


def _bar(watts: Optional[float], top: float, longest: int) -> str:
    return "#" * min(int(round(longest * max(watts or 0.0, 0.0) / top)), longest)


def _shortened(name: str, wide: int) -> str:
    """The name's beginning and end, for rails of one board differ at the end."""
    if _width(name) <= wide:
        return name
    if wide < 5:
        return cut(name, wide)
    return name[0] + ".." + cut(name[::-1], wide - 2 - _cells(name[0]))[::-1]


def _zones(celsius: Dict[str, float], wide: int) -> List[str]:
    texts = [(_plain(name), " {:.1f} C".format(degrees)) for name, degrees in celsius.items()]
    return [_shortened(name, max(wide - len(text), 1)) + text for name, text in texts]


def _joined(parts: List[str], wide: int) -> List[str]:
    """The parts with commas between them, as many on a line as fit."""
    lines: List[str] = []
    for part in parts:
        if lines and _width(lines[-1]) + 2 + _width(part) <= wide:
            lines[-1] += ", " + part
        else:
            lines.append(part)
    return lines


def _fitting(ranked: List[Ranked], room: int) -> List[str]:
    """The lines in their order; if there are too many the best ranked, and how many are left."""
    if len(ranked) <= room:
        return [line for _, line in ranked]
    order = sorted(range(len(ranked)), key=lambda place: ranked[place][0])  # a stable sort
    kept = sorted(order[: max(room - 1, 1)])
    left = "{} more lines do not fit".format(len(ranked) - len(kept))
    return ([ranked[place][1] for place in kept] + [left])[:room]


def _plain(text: str) -> str:
    """One line without anything that a terminal would obey."""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _width(text: str) -> int:
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    """Cells of a terminal that a character takes: 0, 1, or 2 for most of East Asia's."""
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
