"""L2 norm of the filters (Li et al., 2017, 1608.08710, with the Euclidean norm).

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
    """Per group, the Euclidean norm of each channel's weights [channels], unitless."""
    return {
        group.name: reduce(
            torch.add, (rows.detach().pow(2).sum(1) for rows in filters(model, group))
        ).sqrt()
        for group in groups
        if group.units
    }


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: a multiply-accumulate per weight."""
    return sum(2 * rows.numel() for group in groups for rows in filters(model, group))
