"""Spline pruning, global, through factor analysis (max-affine spline insights, 2021, table 5).

As `spline_pca`, with the expected factors of scikit-learn's FactorAnalysis in place of principal
components (randomised SVD, fixed seed).
"""

from typing import Any, Optional, Sequence

import numpy as np
from sklearn.decomposition import FactorAnalysis
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
) -> Scores:
    """Per group with units, the rank of each channel in the removal order [channels]."""
    rule = Rule(rho, equation, fold_bn, victim, seed)
    return spline_pools.scores(model, groups, rule, factors, pool, components)


def check(*, pool: str = "within", components: Optional[int] = None, **rule: Any) -> None:
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
    """FLOPs of one scoring, one step of the factors' iteration counted."""
    return spline_pools.flops(model, groups, pool, components)


def factors(rows: np.ndarray, components: int) -> np.ndarray:
    """The expected factors of `rows` [n, d]: [n, components]."""
    # a fixed seed: the same filters must get the same ranks in every run
    return FactorAnalysis(components, svd_method="randomized", random_state=0).fit_transform(rows)
