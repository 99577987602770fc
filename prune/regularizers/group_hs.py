"""Group-HS, HoyerSquare over whole channels (DeepHoyer, Yang et al., 2020, 1908.09979, eq. 8).

[(sum over inputs c of ||W[:, c]||)^2 + (sum over outputs o of ||W[o]||)^2] / sum W^2 of every
weight tensor with two axes or more, all added. Both ends of a layer count, as in the authors'
code; which of the two axes holds the outputs (a transposed convolution has them second) changes
nothing. A channel of zeros stays zero. The paper keeps a channel if any of its weights is above a
threshold: the recipe `cut_below` with the criterion `linf`. In a convolution with several groups
an "input" is the same place in every group.
"""

from typing import Sequence

import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group


def penalty(model: nn.Module, groups: Sequence[Group], *, strength: float = 1e-4) -> None:
    """Adds the gradient of strength times the sum over layers to the gradients of weights."""
    for weight in model.parameters():
        if weight.dim() >= 2 and weight.grad is not None:
            weight.grad.add_(gradient(weight.detach()), alpha=strength)


def gradient(weight: Tensor) -> Tensor:
    """The gradient of both sides' terms in the weight's shape; 0 in channels of zeros."""
    return _side(weight, 0) + _side(weight, 1)


def check(*, strength: float = 1e-4) -> None:
    """Refuses a push away from sparsity."""
    if not strength >= 0:
        raise ValueError("strength={!r}; a pull starts at 0".format(strength))


def _side(weight: Tensor, axis: int) -> Tensor:
    """The gradient of (sum of the norms of slices along an axis)^2 / sum W^2."""
    square = weight.pow(2)
    total = square.sum()
    norms = square.sum([each for each in range(weight.dim()) if each != axis], keepdim=True).sqrt()
    ratio = torch.where(total > 0, norms.sum() / total, torch.zeros_like(total))
    # a slice of zeros has no direction: its subgradient is 0
    direction = torch.where(norms > 0, weight / norms, torch.zeros_like(weight))
    return 2 * ratio * (direction - ratio * weight)
