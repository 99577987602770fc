"""Spline pruning, layerwise (max-affine spline insights, 2021, section 3.3, eq. 2).

Two units whose hyperplanes nearly coincide divide the input space nearly alike, so one of them
can go: remove one of the closest pair, repeat. The score is the removal order. `equation` "paper"
is eq. 2 verbatim, "exact" obeys the paper's Proposition 1 (see `prune.scoring.hyperplanes`). Deviations:
the paper says only "one of those two"; `victim` is the unit with the smaller slope by default.
Units without slope fall first. With scope "global" the closest pair of all layers comes first,
compared without PCA.
"""

from edgejoule.prune.scoring import spline_order

SCOPE = "layer"
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
):
    """Per group with units, the rank of each channel in the removal order [channels]."""
    rule = spline_order.Rule(rho, equation, fold_bn, victim, seed)
    found = spline_order.judged(model, groups)
    ranks = spline_order.within(spline_order.layers(model, found, rule), rule)
    return {group.name: rank for group, rank in zip(found, ranks)}


def check(*, rho=0.05, equation="paper", fold_bn=True, victim="small_norm", seed=None):
    """Refuses settings that do not exist or decide nothing."""
    spline_order.check(spline_order.Rule(rho, equation, fold_bn, victim, seed))


def flops(model, groups, batches, **options):
    """FLOPs of one scoring: 2 per multiply-accumulate of the slopes' inner products."""
    return spline_order.gram_flops(model, groups)
