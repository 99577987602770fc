"""What the sequences of a dithered sampling disagree by: the error bar of a periodic load."""

from array import array
from bisect import bisect_left
from typing import NamedTuple, Optional, Tuple

from edgejoule.devices.energy.moments import EDGE, SEQUENCES


class Scatter(NamedTuple):
    """How far the sequences of a window disagree: a variance, J^2, and its degrees of freedom."""

    variance: float
    freedom: float


class Draws:
    """By how much the sequences of each draw disagree about its joules.

    Sums run along, so that a window of any length is judged at once.
    """

    def __init__(self) -> None:
        # up to the end of each draw: the variances, J^2, and their squares over their freedom
        self._ends_s, self._variances, self._squares = array("d"), array("d"), array("d")
        self._start_s = float("nan")  # of the draw that runs
        self._seconds, self._joules = [0.0] * SEQUENCES, [0.0] * SEQUENCES

    def add(self, start_s: float, end_s: float, watts: float, sequence: int, fresh: bool) -> None:
        """A look, and the time that it stands for."""
        if fresh or not self._ends_s:
            self._close(start_s)
        if sequence != EDGE:
            self._seconds[sequence] += end_s - start_s
            self._joules[sequence] += (end_s - start_s) * watts

    def scatter(self, start_s: float, end_s: float) -> Optional[Scatter]:
        """Of a window; None where no two sequences can be compared."""
        if not self._ends_s:
            return None
        (early, first), (late, last) = self._up_to(start_s), self._up_to(end_s)
        variance, squares = late - early, last - first
        return Scatter(variance, variance**2 / squares) if squares > 0.0 else None

    def _close(self, moment_s: float) -> None:
        """End the draw that runs; the next begins."""
        if self._ends_s and not any(self._seconds):
            self._ends_s[-1] = moment_s  # nothing was looked at between two edges
            return
        variance, square = self._running()
        self._variances.append((self._variances[-1] if self._variances else 0.0) + variance)
        self._squares.append((self._squares[-1] if self._squares else 0.0) + square)
        self._ends_s.append(moment_s)
        self._seconds, self._joules = [0.0] * SEQUENCES, [0.0] * SEQUENCES

    def _running(self) -> Tuple[float, float]:
        """Variance of the draw that runs, J^2, and its square over its freedom."""
        powers = [j / s for j, s in zip(self._joules, self._seconds) if s > 0.0]
        if len(powers) < 2:
            return 0.0, 0.0
        mean, seconds = sum(powers) / len(powers), sum(self._seconds)
        spread = sum((watts - mean) ** 2 for watts in powers) / (len(powers) - 1)
        variance = spread / len(powers) * seconds**2
        return variance, variance**2 / (len(powers) - 1)

    def _up_to(self, moment_s: float) -> Tuple[float, float]:
        """Both sums up to a moment; inside a draw its share by time."""
        after = bisect_left(self._ends_s, moment_s)
        if after == 0:
            return 0.0, 0.0
        variance, square = self._variances[after - 1], self._squares[after - 1]
        begun_s, seconds = self._ends_s[after - 1], sum(self._seconds)
        if after < len(self._ends_s):
            share = (moment_s - begun_s) / (self._ends_s[after] - begun_s)
            more = self._variances[after] - variance, self._squares[after] - square
        else:
            share = min((moment_s - begun_s) / seconds, 1.0) if seconds > 0.0 else 0.0
            more = self._running()
        return variance + share * more[0], square + share * more[1]


def quantile(freedom: float) -> float:
    """Student's t that 95 % lie within, for at least three degrees of freedom.

    The expansion of Cornish and Fisher, 0.7 % short at three and exact from ten on.
    """
    n, z = max(freedom, 3.0), 1.959964
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
