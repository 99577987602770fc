"""Spline pruning, layerwise (max-affine spline insights, 2021, section 3.3, eq. 2).

Two units whose hyperplanes nearly coincide divide the input space nearly alike, so one of them can
go: remove one of the closest pair, repeat. The score is the removal order. `equation` "paper" is
eq. 2 verbatim, "exact" obeys the paper's Proposition 1 (see `prune.scoring.hyperplanes`).
Deviations: the paper says only "one of those two"; by default `victim` is the unit with the smaller
slope. Units without slope fall first. With scope "global" the closest pair of all layers comes
first, compared without PCA.
"""

from typing import Any, Optional, Sequence

from torch import nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import spline_order
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
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
) -> Scores:
    """Per group with units, the rank of each channel in the removal order [channels]."""
    rule = spline_order.Rule(rho, equation, fold_bn, victim, seed)
    found = spline_order.judged(model, groups)
    ranks = spline_order.within(spline_order.layers(model, found, rule), rule)
    return {group.name: rank for group, rank in zip(found, ranks)}


def check(
    *,
    rho: float = 0.05,
    equation: str = "paper",
    fold_bn: bool = True,
    victim: str = "small_norm",
    seed: Optional[int] = None,
) -> None:
    """Refuses settings that do not exist or decide nothing."""
    spline_order.check(spline_order.Rule(rho, equation, fold_bn, victim, seed))


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: 2 per multiply-accumulate of the slopes' inner products."""
    # no setting changes the number of pairs that are compared
    return spline_order.gram_flops(model, groups)
