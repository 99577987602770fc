"""Network slimming (Liu et al., 2017, arXiv:1708.06519, eq. 1).

A channel's score is |gamma| of its batch norm, compared over all layers at once; training adds
the subgradient strength * sign(gamma). Strength 0 is the variant without L1. Deviations: where a
group has several batch norms the score is their mean (a sum would favour residual streams); the
exact number of channels leaves, while the authors' threshold removes one more.
"""

from math import log2
from typing import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.groups import Group, norms
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "global"
BATCHES = 0


def scores(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Scores:
    """Per group that has batch norms, the mean |gamma| of each channel [channels]."""
    found = {group.name: norms(model, group) for group in groups}
    return {
        name: torch.stack([norm[0].detach().abs() for norm in each]).mean(0)  # [0]: gamma
        for name, each in found.items()
        if each
    }


def penalty(model: nn.Module, groups: Sequence[Group], *, strength: float = 1e-4) -> None:
    """Adds the subgradient of strength * sum |gamma| to the gradients of the groups' gammas."""
    # a set, because groups may share a norm and its gamma is penalised once
    for name in sorted({each.tensor for group in groups for each in group.slices}):
        owner, _, last = name.rpartition(".")
        module = model.get_submodule(owner)
        if last == "weight" and isinstance(module, _BatchNorm) and module.weight.grad is not None:
            module.weight.grad.add_(module.weight.detach().sign(), alpha=strength)


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: sorting n scalars and reading them, 3 n log2 n + 2 n."""
    n = sum(group.channels for group in groups)
    return int(3 * n * log2(n) + 2 * n) if n else 0
