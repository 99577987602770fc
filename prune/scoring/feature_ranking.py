"""Ranking features without labels: infinite feature selection (Roffo et al., ICCV 2015).

Features are nodes of a graph, the weight of an edge says how much two of them vary and how little
they repeat each other, and a feature's score sums all paths of all lengths that begin with it.
"""

from typing import Tuple

import numpy as np
from scipy.stats import rankdata

ALPHA = 0.5  # between spread and novelty
REACH = 0.9  # of the radius within which the sum over path lengths converges


def infinite(responses: np.ndarray) -> np.ndarray:
    """The Inf-FS score of each feature [d] from responses [samples, d]; higher is better.

    A feature that never varies carries nothing: it counts as a copy of every other one.
    """
    graph = edges(responses)
    r = REACH / radius(graph)
    size = len(graph)
    # row sums of (1 - r A)^-1 - 1, by one solution instead of an inverse
    return np.linalg.solve(np.eye(size) - r * graph, np.ones(size)) - 1


def edges(responses: np.ndarray) -> np.ndarray:
    """The weights of the graph [d, d]: spread over its maximum, and 1 - |rank correlation|."""
    responses = np.asarray(responses, dtype=np.float64)
    spread = responses.std(0, ddof=1)
    larger = np.maximum.outer(spread, spread)
    larger = larger / larger.max() if larger.max() > 0 else larger
    return ALPHA * larger + (1 - ALPHA) * (1 - np.abs(correlations(responses)))


def correlations(responses: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of every two features [d, d]; 1 where one never varies."""
    ranks = np.stack([rankdata(column) for column in responses.T])
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(1))
    moving = lengths > 0
    unit = ranks / np.where(moving, lengths, 1)[:, None]
    found = unit.dot(unit.T).clip(-1, 1)
    np.fill_diagonal(found, 1)
    found[~moving] = found[:, ~moving] = 1
    return found


def radius(graph: np.ndarray) -> float:
    """The largest eigenvalue in absolute value; 1 for a graph without weights."""
    found = float(np.abs(np.linalg.eigvalsh(graph)).max())
    return found or 1.0


def ranking_flops(samples: int, features: int) -> Tuple[int, int]:
    """FLOPs of the graph, and of its eigenvalues (4/3 n^3) and solution (2/3 n^3)."""
    return 2 * samples * features**2, 2 * features**3
