"""Connection sensitivity (SNIP, Lee et al., 2019, arXiv:1810.02340): |w * dL/dw|.

The paper's scores are divided by their sum, SNIP-it's elasticity by the loss; neither changes the
ranking, and the sum makes tensors comparable between calls, so scores sum to one here. SNIP takes
one mini-batch, SNIP-it five; `BATCHES` is SNIP's. Deviations: mean cross-entropy (SNIP-it's code
takes nll of raw logits), biases are never scored, eval mode unless `train_mode`.
"""

from typing import Any

from torch import nn

from edgejoule.prune.cost import count
from edgejoule.prune.scoring.gradients import mean_gradients
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 1
AXIS = None


def scores(
    model: nn.Module, mask: WeightMask, batches: Batches, *, train_mode: bool = False
) -> Scores:
    """Per tensor, its share of the sensitivity of the loss, in its shape; all sum to one."""
    raw = sensitivities(model, mask, batches, train_mode)
    total = sum(float(each.sum()) for each in raw.values())
    # where nothing reaches the loss all are zero, and a share of nothing would be NaN
    return {name: each / total if total else each for name, each in raw.items()}


def sensitivities(model: nn.Module, mask: WeightMask, batches: Batches, train_mode: bool) -> Scores:
    """Per tensor, |w * dL/dw| in its shape."""
    tensors = [model.get_parameter(name) for name in mask]
    found, _ = mean_gradients(model, batches, tensors, train_mode)
    return {
        name: (tensor.detach() * gradient).abs()
        for name, tensor, gradient in zip(mask, tensors, found)
    }


def flops(model: nn.Module, mask: WeightMask, batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass over the batches."""
    return 2 * sum(len(x) * count(model, x[:1]).train_macs for x, _ in batches)
