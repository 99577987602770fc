"""Energy of a stretch of samples, and sums of many such pieces without going through them.

The pieces of full parts of a record are kept in levels: one of each part, one of each 32 of
those, and so on. A window of any length is then a few dozen pieces and the samples at its ends.
"""

from operator import mul
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

from edgejoule.devices.energy import integrate, ticks
from edgejoule.devices.energy.rows import Slice, known

FAN = 32  # pieces that one of the next level stands for


class Piece(NamedTuple):
    """Of one stretch: its sampled power, joules by rail, and mean powers between ticks.

    `area` is None without a value of power; `rails` holds rails in watts, integrated.
    """

    area: Optional[integrate.Area]
    rails: Dict[str, float]
    powers: ticks.Powers


class Sampling(NamedTuple):
    """How samples were taken: a longer time between two is a gap, s; a counter's update, s."""

    gap_s: float
    dithered: bool
    update_s: float


def of(part: Slice, start_s: float, end_s: float, how: Sampling) -> Piece:
    """The piece between two moments, from the samples in it and some on both sides."""
    times, watts = known(part.times_s, part.watts)
    starts = known(part.starts_s, part.watts)[0] if how.dithered else None
    area = integrate.area(times, watts, start_s, end_s, how.gap_s, starts) if times else None
    counted = known(part.times_s, part.joules)
    if counted[0]:  # beside a counter the rails are in joules too
        found = ticks.find(*counted, update_s=how.update_s)
        return Piece(area, {}, ticks.powers_between(found, start_s, end_s))
    return Piece(area, _rails(part, start_s, end_s, how.dithered), ticks.NO_POWERS)


def joined(pieces: Sequence[Piece], shared: int) -> Piece:
    """Pieces that follow each other as one; `shared` samples lie on their borders."""
    if len(pieces) == 1:
        return pieces[0]
    areas = [piece.area for piece in pieces if piece.area is not None]
    rails: Dict[str, float] = {}
    for piece in pieces:
        for name, joules in piece.rails.items():
            rails[name] = rails.get(name, 0.0) + joules
    return Piece(
        integrate.joined(areas, shared) if areas else None,
        rails,
        ticks.all_powers([piece.powers for piece in pieces]),
    )


class Tower:
    """Pieces of full parts in order, and of ever larger groups of them."""

    def __init__(self, shared: int):
        self._shared = shared  # samples on each border
        self._levels: List[List[Piece]] = [[]]

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, piece: Piece) -> None:
        """Add the piece of the next part."""
        self._levels[0].append(piece)
        for level, size in enumerate(map(len, list(self._levels))):
            if size % FAN:
                break
            if level + 1 == len(self._levels):
                self._levels.append([])
            group = joined(self._levels[level][-FAN:], self._shared * (FAN - 1))
            self._levels[level + 1].append(group)

    def between(self, first: int, last: int) -> Iterator[Piece]:
        """As few pieces as stand for the parts first to last - 1, in order."""
        while first < last:
            level, width = 0, 1
            while first % (width * FAN) == 0 and first + width * FAN <= last:
                level, width = level + 1, width * FAN
            yield self._levels[level][first // width]
            first += width


def _rails(part: Slice, start_s: float, end_s: float, dithered: bool) -> Dict[str, float]:
    """Joules by rail, of the rails that have a value of power."""
    found = {}
    moments = part.starts_s if dithered else part.times_s
    first, weights = integrate.weights(moments, start_s, end_s, dithered)
    for name, column in part.rails.items():
        joules = sum(map(mul, weights, column[first:]))
        if joules == joules:  # NaN if a value is missing, as of a rail that is read in its turn
            found[name] = joules
            continue
        times, watts = known(moments, column)
        if not times:
            continue
        if dithered:
            found[name] = integrate.steps(times, watts, start_s, end_s)
        else:
            found[name] = integrate.trapezoid(*integrate.cut(times, watts, start_s, end_s))
    return found
