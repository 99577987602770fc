"""A straight line through replicates, and a mean of replicates, with 95 % intervals.

Few replicates with a stray one among them: what lies far off the others is left out first.
"""

from math import sqrt
from typing import List, NamedTuple, Sequence, Tuple

NORMAL_95 = 1.959964
MAD_SD = 1.4826  # standard deviations of a normal spread in its median absolute deviation
# Seven in place of the usual three: of few normal replicates hardly one lies that far off, so
# that leaving it out does not narrow the intervals of honest data.
STRAY_SD = 7.0
MOST_STRAYS = 0.25  # of all replicates; more is no accident


class Quantity(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def half(self) -> float:
        """Half the interval."""
        return (self.high - self.low) / 2

    def widened(self, by: float) -> "Quantity":
        """The same value with `by` more on both sides."""
        return Quantity(self.value, self.low - by, self.high + by)


class Line(NamedTuple):
    """y = gain x + offset, through the rows `kept` of those that were given."""

    gain: Quantity
    offset: Quantity
    residual: float  # root mean square, per degree of freedom
    kept: Tuple[int, ...]
    left: Tuple[float, ...]  # residuals [kept]


def line(x: Sequence[float], y: Sequence[float]) -> Line:
    """The least-squares line through points [n], strays left out.

    Raises:
        ValueError: fewer than three points, or all at one x.
    """
    kept = tuple(range(len(x)))
    for _ in range(len(x)):
        gain, offset = _least_squares([x[i] for i in kept], [y[i] for i in kept])
        off = [abs(y[i] - gain * x[i] - offset) for i in kept]
        worst = max(range(len(kept)), key=off.__getitem__)
        if not _is_stray(off, worst) or len(x) - len(kept) >= MOST_STRAYS * len(x) - 1:
            break
        kept = kept[:worst] + kept[worst + 1 :]  # one at a time: a stray bends the line for all
    return _with_intervals([x[i] for i in kept], [y[i] for i in kept], gain, offset, kept)


def mean(values: Sequence[float]) -> Tuple[Quantity, Tuple[int, ...]]:
    """(the mean with its interval, indices of the values that it was taken over)."""
    kept = tuple(range(len(values)))
    middle = median(values)
    off = [abs(value - middle) for value in values]
    spread = MAD_SD * median(off)
    kept = tuple(i for i in kept if off[i] <= STRAY_SD * spread) or kept
    if len(kept) < (1 - MOST_STRAYS) * len(values):
        kept = tuple(range(len(values)))
    chosen = [values[i] for i in kept]
    middle = sum(chosen) / len(chosen)
    variance = sum((value - middle) ** 2 for value in chosen) / max(len(chosen) - 1, 1)
    half = student(len(chosen) - 1) * sqrt(variance / len(chosen))
    return Quantity(middle, middle - half, middle + half), kept


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t; Cornish and Fisher's expansion in 1 / freedom."""
    if freedom < 2:
        return 12.71
    z, n = NORMAL_95, float(freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + (z**3 + z) / 4 / n + second / n**2 + third / n**3


def median(values: Sequence[float]) -> float:
    """The middle one of some values."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _least_squares(x: List[float], y: List[float]) -> Tuple[float, float]:
    if len(x) < 3:
        raise ValueError("a line: asked for one through {} points; it takes 3".format(len(x)))
    at_x, at_y = sum(x) / len(x), sum(y) / len(y)
    width = sum((each - at_x) ** 2 for each in x)
    if width <= 0.0:
        raise ValueError("a line: all points have the same x")
    gain = sum((a - at_x) * (b - at_y) for a, b in zip(x, y)) / width
    return gain, at_y - gain * at_x


def _is_stray(off: List[float], worst: int) -> bool:
    others = off[:worst] + off[worst + 1 :]
    return off[worst] > STRAY_SD * MAD_SD * median(others) > 0.0


def _with_intervals(
    x: List[float], y: List[float], gain: float, offset: float, kept: Tuple[int, ...]
) -> Line:
    left = [b - gain * a - offset for a, b in zip(x, y)]
    at_x = sum(x) / len(x)
    width = sum((each - at_x) ** 2 for each in x)
    pulls = [(each - at_x) / width for each in x]  # of each row on the gain
    # high powers scatter more than low ones: each row's own residual stands for its variance,
    # made larger by what the row itself bent the line (MacKinnon and White 1985, HC3)
    own = [(e / (1 - 1 / len(x) - p * p * width)) ** 2 for e, p in zip(left, pulls)]
    gain_variance = sum(p * p * e for p, e in zip(pulls, own))
    offset_variance = sum((1 / len(x) - at_x * p) ** 2 * e for p, e in zip(pulls, own))
    t = student(len(x) - 2)
    gain_half, offset_half = t * sqrt(gain_variance), t * sqrt(offset_variance)
    residual = sqrt(sum(each**2 for each in left) / (len(x) - 2))
    return Line(
        Quantity(gain, gain - gain_half, gain + gain_half),
        Quantity(offset, offset - offset_half, offset + offset_half),
        residual,
        kept,
        tuple(left),
    )
