"""Spline pruning, global, through PCA (max-affine spline insights, 2021, section 3.3, table 2).

Every layer's slopes are reduced to `components` dimensions, then eq. 2 ranks the channels of all
layers (`prune.scoring.spline_pools` says what the paper leaves open and what we chose). `center` is
ordinary PCA; without it the rows are projected as they are, which keeps angles when all components
are kept. Either way the guarantees of equation "exact" are lost in the reduction.
"""

from typing import Any, Optional, Sequence

import numpy as np
from scipy.linalg import eigh
from torch import nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import spline_pools
from edgejoule.prune.scoring.spline_order import Rule
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "global"
BATCHES = 0


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    rho: float = 0.05,
    equation: str = "paper",
    fold_bn: bool = True,
    victim: str = "small_norm",
    seed: Optional[int] = None,
    pool: str = "within",
    components: Optional[int] = None,
    center: bool = True,
) -> Scores:
    """Per group with units, the rank of each channel in the removal order [channels]."""
    rule = Rule(rho, equation, fold_bn, victim, seed)
    return spline_pools.scores(
        model, groups, rule, centred if center else projected, pool, components
    )


def check(
    *,
    pool: str = "within",
    components: Optional[int] = None,
    center: bool = True,
    **rule: Any,
) -> None:
    """Refuses settings that do not exist or decide nothing."""
    spline_pools.check(Rule(**rule), pool)


def flops(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    pool: str = "within",
    components: Optional[int] = None,
    **options: Any,
) -> int:
    """FLOPs of one scoring, 2 per multiply-accumulate."""
    return spline_pools.flops(model, groups, pool, components)


def centred(rows: np.ndarray, components: int) -> np.ndarray:
    """The first principal components of `rows` [n, d]: [n, components]."""
    return projected(rows - rows.mean(0), components)


def projected(rows: np.ndarray, components: int) -> np.ndarray:
    """`rows` [n, d] in the basis of their first right singular vectors: [n, components].

    Through the smaller of the two matrices of inner products: a fraction of a full SVD's time.
    """
    # eigenvectors of rows * rows^T are the left singular vectors, those of rows^T * rows the right
    wide = rows.shape[0] < rows.shape[1]
    products = rows.dot(rows.T) if wide else rows.T.dot(rows)
    values, vectors = eigh(
        products, subset_by_index=[len(products) - components, len(products) - 1]
    )
    # rounding leaves eigenvalues of about -1e-16 where the rows span fewer dimensions
    return vectors * np.sqrt(values.clip(min=0)) if wide else rows.dot(vectors)
