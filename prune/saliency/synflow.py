"""Synaptic flow (SynFlow; Tanaka et al., 2020, arXiv:2006.05467): w * dR/dw of |w|, without data.

R is the sum of the outputs for an input of ones when every weight is replaced by its absolute
value (eq. 2), so no score is negative, what flows into a hidden unit flows out of it, and no layer
is emptied before all are down to one weight. That holds only if scores are taken again and again
while weights leave: `ITERATIONS` (100) for recipes that can (`at_init`), the share left falling by
the same factor each time.

Batch norms are evaluated as gamma / sqrt(variance + eps). The paper's R has no biases: these and
the norms' shifts are zero unless `biases`, which takes their absolute values as the authors' code
does. Deviations: float64, because float32 overflows in deep networks, and scores divided by R, so
that each layer of a chain holds a total of 1.
"""

import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from edgejoule.prune.cost import count
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 0
ONES = True
AXIS = None
ITERATIONS = 100


def scores(model: nn.Module, mask: WeightMask, batches: Batches, *, biases: bool = False) -> Scores:
    """Per tensor, the share of R that flows through each weight that is left, in its shape.

    Raises:
        ValueError: R is beyond float64.
    """
    linear = _positive(model, mask, biases)
    weights = [linear.get_parameter(name) for name in mask]
    flow = linear(torch.ones_like(batches[0][0], dtype=torch.float64)).sum()
    total = float(flow.detach())
    if not math.isfinite(total):
        raise ValueError(
            "SynFlow's sum of all flows is {} in float64; the network is too deep or its weights "
            "too large for this saliency".format(total)
        )
    given = torch.autograd.grad(flow, weights, allow_unused=True)
    return {
        name: torch.zeros_like(w) if g is None else _share(w.detach() * g, total)
        for name, w, g in zip(mask, weights, given)
    }


def flops(model: nn.Module, mask: WeightMask, batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass of one input."""
    return 2 * count(model, batches[0][0][:1]).train_macs


def _share(flow: torch.Tensor, total: float) -> torch.Tensor:
    return flow / total if total else flow  # where nothing flows a share would be NaN


def _positive(model: nn.Module, mask: WeightMask, biases: bool) -> nn.Module:
    """A copy in float64 and eval mode, with masked weights zero and all others positive."""
    twin = duplicate(model).double().eval()
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.abs_()
            if not biases and name.rpartition(".")[2].startswith("bias"):
                parameter.zero_()
        for module in twin.modules():
            if isinstance(module, _NormBase) and module.running_mean is not None:
                # a mean is subtracted, so the authors' absolute value takes from the flow
                module.running_mean.abs_() if biases else module.running_mean.zero_()
        for name, flags in mask.items():
            twin.get_parameter(name).mul_(flags)
    return twin
