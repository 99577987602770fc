"""First-order Taylor expansion of the squared change of the loss (Molchanov et al., 2019): (g w)^2.

arXiv:1906.10771, eq. 8: without weight w the loss changes by g w to first order, g = dL/dw; its
square is the importance, averaged over mini-batches (squares first: gradients of opposite sign do
not cancel). Criterion "taylor_fo" is the same for channels. Deviation: eval mode unless
`train_mode`; the authors gather the squares while the network is trained.
"""

from typing import Any

import torch
from torch import nn

from edgejoule.prune.cost import count
from edgejoule.prune.scoring.gradients import mean_gradients
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 10  # mini-batches between two removals, as the authors' settings have it
AXIS = None


def scores(
    model: nn.Module, mask: WeightMask, batches: Batches, *, train_mode: bool = False
) -> Scores:
    """Per tensor, (w * dL/dw)^2 in its shape, the mean over batches."""
    tensors = [model.get_parameter(name) for name in mask]
    total = {name: torch.zeros_like(tensor) for name, tensor in zip(mask, tensors)}
    for batch in batches:
        found, _ = mean_gradients(model, [batch], tensors, train_mode)
        for name, tensor, gradient in zip(mask, tensors, found):
            total[name] += (tensor.detach() * gradient) ** 2
    return {name: each.detach() / len(batches) for name, each in total.items()}


def flops(model: nn.Module, mask: WeightMask, batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass over the batches."""
    return 2 * sum(len(x) * count(model, x[:1]).train_macs for x, _ in batches)
