"""Spline pruning, global, through factor analysis (max-affine spline insights, 2021, table 5).

As `spline_pca`, with the expected factors of scikit-learn's FactorAnalysis in place of principal
components (randomised SVD, fixed seed).
"""

from sklearn.decomposition import FactorAnalysis

from edgejoule.prune.scoring import spline_pools
from edgejoule.prune.scoring.spline_order import Rule

SCOPE = "global"
BATCHES = 0


def scores(
    model,
    groups,
    batches,
    *,
    rho=0.05,
    equation="paper",
    fold_bn=True,
    victim="small_norm",
    seed=None,
    pool="within",
    components=None,
):
    """Per group with units, the rank of each channel in the removal order [channels]."""
    rule = Rule(rho, equation, fold_bn, victim, seed)
    return spline_pools.scores(model, groups, rule, factors, pool, components)


def check(*, pool="within", components=None, **rule):
    """Refuses settings that do not exist or decide nothing."""
    spline_pools.check(Rule(**rule), pool)


def flops(model, groups, batches, *, pool="within", components=None, **options):
    """FLOPs of one scoring, one step of the factors' iteration counted."""
    return spline_pools.flops(model, groups, pool, components)


def factors(rows, components):
    """The expected factors of `rows` [n, d]: [n, components]."""
    return FactorAnalysis(components, svd_method="randomized", random_state=0).fit_transform(rows)
