"""Percentiles of |error|, the same for every row and every tool."""

from math import ceil
from typing import Sequence

TIE = 1e-6  # relative errors that differ by less are both nothing


def percentile(errors: Sequence[float], share: float) -> float:
    """The |error| that a share, 0 to 1, of all do not exceed (nearest rank)."""
    return sorted(abs(error) for error in errors)[max(ceil(share * len(errors)) - 1, 0)]
