"""Optimal brain damage (LeCun, Denker & Solla, 1990): h w^2 / 2, h the loss's second derivative.

The loss around a minimum is taken for a quadratic without mixed terms: deleting weight k then costs
1/2 h_kk w_k^2. The paper propagates the h_kk backwards and drops the second derivatives of the
network's own functions (its Levenberg-Marquardt approximation); "gauss_newton", the default, drops
the same ones and is otherwise exact, "hessian" drops none, in networks of up to 2000 weights
(`prune.scoring.curvature` has all four). The paper prunes some, retrains, and begins again: recipe
"lottery" with `weights` "keep" and several `rounds`. Deviation: several batches, not the whole
training set.
"""

from typing import Any

from torch import nn

from edgejoule.prune.scoring import curvature as curvatures
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 5
AXIS = None


def scores(
    model: nn.Module, mask: WeightMask, batches: Batches, *, curvature: str = "gauss_newton"
) -> Scores:
    """Per tensor, by how much the loss rises without each weight, in its shape."""
    check(curvature=curvature)
    found = curvatures.diagonal(model, list(mask), batches, curvature)
    return {  # h may be negative with "hessian": then the loss falls, and the weight leaves first
        name: each * model.get_parameter(name).detach() ** 2 / 2 for name, each in found.items()
    }


def check(*, curvature: str = "gauss_newton") -> None:
    """Refuses a curvature that does not exist."""
    curvatures.check(curvature)


def flops(model: nn.Module, mask: WeightMask, batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: all backward passes, each image's gradients and their squares."""
    curvature = options.get("curvature", "gauss_newton")
    total = curvatures.work(model, list(mask), batches, curvature)
    if curvature == "hessian":
        return total
    each = curvatures.backward_passes(model, batches[0][0][:1], curvature)
    return total + 2 * mask.weights * each * sum(len(x) for x, _ in batches)
