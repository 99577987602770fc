"""Scales of batch norms that were polarized (Zhuang et al., 2020, NeurIPS).

A channel's score is the gamma of its batch norm held in [0, 1], after training with the regularizer
"polarization". The paper draws the line at the first valley of each layer's histogram, not at a
ratio: the recipe `cut_below`. Where a group has several batch norms the score is their mean.
"""

from typing import Sequence

import torch
from torch import nn

from edgejoule.prune.groups import Group, norms
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "global"
BATCHES = 0
REGULARIZER = "polarization"


def scores(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Scores:
    """Per group that has batch norms, the mean gamma of each channel in [0, 1] [channels]."""
    found = {group.name: norms(model, group) for group in groups}
    return {
        name: torch.stack([norm[0].detach().clamp(0, 1) for norm in each]).mean(0)
        for name, each in found.items()
        if each
    }


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: two comparisons and an addition per scale."""
    return sum(3 * norm.shape[1] for group in groups for norm in norms(model, group))
