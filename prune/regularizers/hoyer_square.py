"""HoyerSquare, a pull towards few large weights (DeepHoyer, Yang et al., 2020, 1908.09979, eq. 3).

H_S(w) = (sum |w|)^2 / sum w^2 of every weight tensor with two axes or more, all added: 1 for a
tensor with one weight left, n for one of n equal weights, the same at any scale. Its gradient,
2 r (sign(w) - r w) with r = sum |w| / sum w^2, shrinks weights below 1 / r and lets those above
grow; it stands at a right angle to w. A weight of 0 stays there, and so does a tensor of zeros.
The paper sweeps `strength` from 1e-6 to 5, masks what is at most 1e-4 and fine-tunes without it:
the recipe `mask_below`.
"""

from typing import Sequence

import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group


def penalty(model: nn.Module, groups: Sequence[Group], *, strength: float = 1e-4) -> None:
    """Adds the gradient of strength * sum H_S(w) to the gradients of weights."""
    for weight in model.parameters():
        if weight.dim() >= 2 and weight.grad is not None:
            weight.grad.add_(gradient(weight.detach()), alpha=strength)


def gradient(weight: Tensor) -> Tensor:
    """The gradient of H_S in the weight's shape; 0 where the weight is."""
    square = weight.pow(2).sum()
    # of zeros alone the quotient would be NaN
    ratio = torch.where(square > 0, weight.abs().sum() / square, torch.zeros_like(square))
    return 2 * ratio * (weight.sign() - ratio * weight)


def check(*, strength: float = 1e-4) -> None:
    """Refuses a push away from sparsity."""
    if not strength >= 0:
        raise ValueError("strength={!r}; a pull starts at 0".format(strength))
