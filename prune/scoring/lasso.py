"""The LASSO by coordinate descent on moments, and the strength that leaves so many coefficients.

Minimises 1/(2 N) |y - Z b|^2 + strength |b|_1 where only G = Z^T Z / N and q = Z^T y / N matter, so
a step costs n, however many rows Z has.
"""

from typing import NamedTuple, Optional, Tuple

import numpy as np

SWEEPS = 2000  # over the coefficients; it stops when none moves any more
STILL = 1e-9  # of the largest coefficient
# while a strength is searched only the number of coefficients matters: scikit-learn's tolerance,
# which the authors used, and an end where columns that nearly repeat each other settle slowly
NEAR, NEAR_SWEEPS = 1e-4, 100
HALVINGS = 60
SLACK = 0.1  # of the wanted number: so many more are near enough, as in the authors' code


class Moments(NamedTuple):
    """G [n, n] and q [n] of a regression."""

    gram: np.ndarray
    cross: np.ndarray


class Sums:
    """Sums over rows that come in pieces, for their moments."""

    def __init__(self, columns: int) -> None:
        self._gram, self._cross = np.zeros((columns, columns)), np.zeros(columns)
        self._parts, self._target, self.rows = np.zeros(columns), 0.0, 0

    def add(self, parts: np.ndarray, target: np.ndarray) -> None:
        """Takes in parts [rows, columns] and their target [rows]."""
        self._gram += parts.T.dot(parts)
        self._cross += parts.T.dot(target)
        self._parts += parts.sum(0)
        self._target += float(target.sum())
        self.rows += len(parts)

    def moments(self, intercept: bool = True) -> Moments:
        """The moments of all rows, with an intercept those of distances from the means."""
        gram, cross = self._gram / self.rows, self._cross / self.rows
        if intercept:
            mean = self._parts / self.rows
            gram = gram - np.outer(mean, mean)
            cross = cross - mean * (self._target / self.rows)
        return Moments(gram, cross)


def descend(
    of: Moments, strength: float, start: Optional[np.ndarray] = None, search: bool = False
) -> Tuple[np.ndarray, int]:
    """The coefficients [n], and how many of them were updated on the way."""
    gram, cross = of
    sweeps, still = (NEAR_SWEEPS, NEAR) if search else (SWEEPS, STILL)
    found = np.zeros(len(cross)) if start is None else start.copy()
    slope = cross - gram.dot(found)
    diagonal, steps = np.diag(gram), 0
    able = np.flatnonzero(diagonal > 0)  # a column of zeros has coefficient 0
    for sweep in range(sweeps):
        # every tenth sweep takes all; between, those that are not 0 settle among themselves
        some = able if sweep % 10 == 0 else able[found[able] != 0]
        moved = 0.0
        for j in some:
            rest = slope[j] + diagonal[j] * found[j]
            new = np.sign(rest) * max(abs(rest) - strength, 0.0) / diagonal[j]
            change = new - found[j]
            if change:
                slope -= change * gram[j]
                found[j], moved = new, max(moved, abs(change))
        steps += len(some)
        if sweep % 10 == 0 and moved <= still * max(float(np.abs(found).max()), 1e-300):
            break
    return found, steps


def chosen(of: Moments, keep: int) -> Tuple[np.ndarray, int]:
    """The `keep` columns [n] that the LASSO keeps longest, and the FLOPs of finding them.

    The strength is doubled until too few are left and then halved in between. If more are left
    than wanted the smallest coefficients go; if fewer, those come that fit what is left best.
    """
    size = len(of.cross)
    if keep >= size:
        return np.ones(size, dtype=bool), 0
    found, steps = _searched(of, keep)
    slope = np.abs(of.cross - of.gram.dot(found))
    # by size first; among coefficients of 0 by what is left to explain
    order = np.lexsort((np.arange(size), -slope, -np.abs(found)))
    flags = np.zeros(size, dtype=bool)
    flags[order[:keep]] = True
    return flags, steps * 2 * size


def _searched(of: Moments, keep: int) -> Tuple[np.ndarray, int]:
    """Coefficients of which `keep` to 1.1 times as many are not 0, where a strength does that."""
    # without a penalty all columns that are not zero stay: factors of 1 where nothing is lost yet
    found, steps = (np.diag(of.gram) > 0).astype(float), 0
    if np.count_nonzero(found) <= keep:
        return found, steps
    low, high = 0.0, 1e-3 * float(np.abs(of.cross).max())
    few, more = descend(of, high, found, search=True)
    steps += more
    while np.count_nonzero(few) >= keep and np.count_nonzero(few):
        low, high, found = high, 2 * high, few
        few, more = descend(of, high, few, search=True)
        steps += more
    for _ in range(HALVINGS):
        if keep <= np.count_nonzero(found) <= (1 + SLACK) * keep:
            break
        middle = (low + high) / 2
        between, more = descend(of, middle, found, search=True)
        steps += more
        if np.count_nonzero(between) >= keep:
            low, found = middle, between
        else:
            high = middle
    return found, steps
