"""Elasticity of a channel: |dL/dc| / L of a factor c = 1, its gate, on its output (SNAP-it).

The structured side of SNIP-it (Verdenius et al., 2020, arXiv:2006.00896). The gate sits after
the unit's batch norm: before it, in train mode, the norm would cancel the gate and the gradient
with it. Deviations: mean cross-entropy where the code takes nll of raw logits; several units of
one group share the gate, so their derivatives add up (the reference knows no residual networks).
"""

from typing import Any, Sequence

from torch import nn

from edgejoule.prune.cost import count
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring.gate_gradients import derivatives
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "global"
BATCHES = 5


def scores(
    model: nn.Module, groups: Sequence[Group], batches: Batches, *, train_mode: bool = False
) -> Scores:
    """Per group with units, the elasticity of the loss to each channel [channels]."""
    found, loss = derivatives(model, groups, batches, train_mode)
    return {name: each.abs() / (loss + 1e-8) for name, each in found.items()}  # a loss may be 0


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass over the batches."""
    return 2 * sum(len(x) * count(model, x[:1]).train_macs for x, _ in batches)
