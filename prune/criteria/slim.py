"""Network slimming (Liu et al., 2017, arXiv:1708.06519, eq. 1).

A channel's score is |gamma| of its batch norm, compared over all layers at once, after
training with the regularizer "gamma_l1". Deviations: where a
group has several batch norms the score is their mean (a sum would favour residual streams); the
exact number of channels leaves, while the authors' threshold removes one more.
"""

from math import log2
from typing import Sequence

import torch
from torch import nn

from edgejoule.prune.groups import Group, norms
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "global"
BATCHES = 0
REGULARIZER = "gamma_l1"


def scores(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Scores:
    """Per group that has batch norms, the mean |gamma| of each channel [channels]."""
    found = {group.name: norms(model, group) for group in groups}
    return {
        name: torch.stack([norm[0].detach().abs() for norm in each]).mean(0)  # [0]: gamma
        for name, each in found.items()
        if each
    }


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: sorting n scalars and reading them, 3 n log2 n + 2 n."""
    n = sum(group.channels for group in groups)
    return int(3 * n * log2(n) + 2 * n) if n else 0
