"""Which channels a layer keeps in provable filter pruning, once it is known how many."""

from typing import Tuple

import numpy as np

from edgejoule.prune.scoring.pfp_budget import ROUNDING, expected, probabilities

DRAWS = ("largest", "random", "mixed")


def chosen(
    sensitivities: np.ndarray, keep: int, draw: str, random: np.random.RandomState
) -> Tuple[np.ndarray, np.ndarray]:
    """(flags [channels], factors [kept]) of a layer; factors keep the expected sums.

    "largest" keeps exactly `keep` and scales nothing; "random" and "mixed" are expected to.
    """
    flags = np.zeros(len(sensitivities), dtype=bool)
    if draw == "largest" or keep >= len(sensitivities):
        # stable, so that of equal ones the earlier leave, as everywhere
        flags[np.argsort(sensitivities, kind="stable")[len(sensitivities) - keep :]] = True
        return flags, np.ones(keep)
    if draw == "random":
        factors = drawn(probabilities(sensitivities), keep, random)
    else:
        factors = _mixed(probabilities(sensitivities), keep, random)
    flags = factors > 0
    return flags, factors[flags]


def draws_for(chances: np.ndarray, keep: float) -> int:
    """The least number of draws that is expected to see `keep` different inputs."""
    low, high = 1, 1
    # inputs without a chance are never seen, and the others all only after infinitely many draws
    wanted = min(keep, float((chances > 0).sum()) - 0.5)
    while expected(chances, high) < wanted - ROUNDING:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (
            (low, middle)
            if expected(chances, middle) >= wanted - ROUNDING
            else (
                middle + 1,
                high,
            )
        )
    return low


def drawn(chances: np.ndarray, keep: float, random: np.random.RandomState) -> np.ndarray:
    """Factors [channels] after a draw: counts / (draws p_j), 0 for those never drawn."""
    draws = draws_for(chances, keep)
    counts = random.multinomial(draws, chances / chances.sum())
    return np.where(counts > 0, counts / np.where(chances > 0, draws * chances, 1), 0)


def _mixed(chances: np.ndarray, keep: int, random: np.random.RandomState) -> np.ndarray:
    """Channels drawn once or more on average are kept as they are, the others are drawn."""
    sure = chances >= 1 / draws_for(chances, keep)
    factors = sure.astype(np.float64)
    rest = np.where(sure, 0, chances)
    if keep > sure.sum() and rest.any():
        factors[~sure] = drawn(rest[~sure] / rest.sum(), keep - int(sure.sum()), random)
    return factors
