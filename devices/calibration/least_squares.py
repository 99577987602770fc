"""The numbers of a small model that leave the least squares, and how well they are known.

Levenberg and Marquardt's steps with slopes taken by differences, for a model of a few numbers
(seconds) that a coarse look has brought near. Pure functions, deterministic.
"""

from operator import mul
from typing import Callable, List, NamedTuple, Sequence

Left = Callable[[Sequence[float]], List[float]]  # numbers [p] -> what the model leaves [n]

ROUNDS = 12  # half of them are enough from a start of the right size
FIRST, CALMER, BOLDER = 1e-2, 10.0, 0.2  # how much a step is held back at first, then times this
ENOUGH = 1e-4  # of the squares: a step that gains less is the last
PACE = 0.02  # of a number: the difference that its slope is taken over
NEVER = 1e12  # a holding back beyond which no step helps


class Found(NamedTuple):
    """Numbers [p], the sum of squares they leave, and what they leave [n] moves by [p, n].

    `inverse` is that of the normal matrix [p, p].
    """

    numbers: List[float]
    squares: float
    left: List[float]
    slopes: List[List[float]]
    inverse: List[List[float]]

    def variance(self, parts: Sequence[float], fixed: int) -> float:
        """Of the sum of these parts of the numbers, `fixed` more numbers having been fitted.

        The larger of two: as if every value were equally off, and as they are (White). A load
        whose edges are not sharp puts a window's values off that meet an edge, and no others.
        """
        along = [dot(row, parts) for row in self.inverse]
        moved = [dot(along, column) for column in zip(*self.slopes)]
        even = self.squares * dot(parts, along)
        own = sum((move * left) ** 2 for move, left in zip(moved, self.left)) * len(self.left)
        return max(even, own) / max(len(self.left) - len(parts) - fixed, 1)


def fit(left: Left, start: Sequence[float], least: Sequence[float], pace: float) -> Found:
    """The numbers, none below its `least`, that leave the least squares, from a start near them.

    `pace` is the smallest difference that slopes are taken over.
    """
    numbers, held = list(start), FIRST
    here = left(numbers)
    squares = dot(here, here)
    slopes = _slopes(left, numbers, least, pace)
    for _ in range(ROUNDS):
        tried = _stepped(numbers, here, slopes, held, least)
        there = left(tried)
        gain = squares - dot(there, there)
        if gain > 0.0:
            numbers, here, squares, held = tried, there, squares - gain, held * BOLDER
            slopes = _slopes(left, numbers, least, pace)
        else:
            held *= CALMER
        if 0.0 <= gain <= ENOUGH * squares or held > NEVER:
            break
    return Found(numbers, squares, here, slopes, inverse(_normal(slopes, 0.0)))


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Sum of products."""
    return sum(map(mul, a, b))


def _slopes(
    left: Left, numbers: Sequence[float], least: Sequence[float], pace: float
) -> List[List[float]]:
    """How what is left [n] moves with each number [p]."""
    found = []
    for place, number in enumerate(numbers):
        step = max(PACE * number, pace)
        low, high = max(number - step, least[place]), number + step
        more, less = list(numbers), list(numbers)
        more[place], less[place] = high, low
        found.append([(a - b) / (high - low) for a, b in zip(left(more), left(less))])
    return found


def _stepped(
    numbers: Sequence[float],
    here: Sequence[float],
    slopes: Sequence[Sequence[float]],
    held: float,
    least: Sequence[float],
) -> List[float]:
    """The numbers after one step."""
    turned = inverse(_normal(slopes, held))
    downhill = [-dot(slope, here) for slope in slopes]
    return [max(n + dot(row, downhill), low) for n, row, low in zip(numbers, turned, least)]


def _normal(slopes: Sequence[Sequence[float]], held: float) -> List[List[float]]:
    """The matrix of the slopes' products; the diagonal is never nothing, so that it inverts."""
    found = [[dot(a, b) for b in slopes] for a in slopes]
    for place in range(len(found)):
        found[place][place] = found[place][place] * (1.0 + held) + 1e-12
    return found


def inverse(matrix: Sequence[Sequence[float]]) -> List[List[float]]:
    """The inverse of a small matrix [p, p] that has one (Gauss and Jordan, with pivots)."""
    size = len(matrix)
    rows = [list(row) + [float(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for place in range(size):
        pivot = max(range(place, size), key=lambda each: abs(rows[each][place]))
        rows[place], rows[pivot] = rows[pivot], rows[place]
        scale = rows[place][place] or 1e-300
        rows[place] = [value / scale for value in rows[place]]
        for other in range(size):
            if other != place:
                part = rows[other][place]
                rows[other] = [a - part * b for a, b in zip(rows[other], rows[place])]
    return [row[size:] for row in rows]
