"""The largest absolute weight of a channel's filters: at most a threshold means all weights are.

DeepHoyer (Yang et al., 2020, arXiv:1908.09979) keeps a channel if any of its weights is above a
threshold, after training with the regularizer "group_hs"; the recipe `cut_below` does that. Where
several layers write to one group, the largest of all of them counts.
"""

from typing import Sequence

import torch
from torch import nn

from edgejoule.prune.groups import Group, filters
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 0


def scores(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Scores:
    """Per group, the largest absolute weight of each channel [channels], unitless."""
    return {
        group.name: torch.cat([rows.detach().abs() for rows in filters(model, group)], 1).amax(1)
        for group in groups
        if group.units
    }


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: an absolute value and a comparison per weight."""
    return sum(2 * rows.numel() for group in groups for rows in filters(model, group))
