"""L1 norm of the filters (Li et al., 2017, "Pruning Filters for Efficient ConvNets", 1608.08710).

Layerwise. Deviation: where several layers write to one group, their filters count as one long
filter.
"""

from functools import reduce
from typing import Sequence

import torch
from torch import nn

from edgejoule.prune.groups import Group, filters
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 0


def scores(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Scores:
    """Per group, the sum of absolute weights of each channel [channels], unitless."""
    return {
        group.name: reduce(
            torch.add, (rows.detach().abs().sum(1) for rows in filters(model, group))
        )
        for group in groups
        if group.units
    }


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: an absolute value and an addition per weight."""
    return sum(2 * rows.numel() for group in groups for rows in filters(model, group))
