"""The knee of a sorted curve: where it is furthest below the straight line between its ends."""

from typing import Mapping

import numpy as np
from torch import Tensor


def knee(scores: Mapping[str, Tensor]) -> float:
    """Share of all weights, in [0, 1), whose scores lie below the knee of their sorted curve.

    Both axes run from 0 to 1. Of equal distances the first counts, so a straight curve has its knee
    at its beginning.
    """
    curve = np.sort(
        np.concatenate([each.detach().double().cpu().numpy().ravel() for each in scores.values()])
    )
    span = curve[-1] - curve[0]
    if not span > 0:  # all alike
        return 0.0
    below = np.linspace(0, 1, len(curve)) - (curve - curve[0]) / span
    return float(np.argmax(below)) / len(curve)
