"""Optimal brain surgeon (Hassibi & Stork, 1993): w^2 / (2 [H^-1]_kk), H the curvature of the loss.

That is what deleting weight k costs if all other weights may make up for it, by the change
-w_k / [H^-1]_kk times column k of H^-1, which recipe "obs" makes. Up to 2000 weights have one H;
larger networks have blocks of `block` (128) consecutive weights of a tensor, at 1 kB a weight.
`damping` times the mean diagonal is added to the diagonal (1e-4), which is what a weight costs on
which no image depends. Deviations: the paper builds H^-1 image by image with a small multiple of
the identity to start from, the same matrix; blocks are ours. Weights of earlier rounds do not
count as able to make up.
"""

from typing import Any, Callable, Optional, Tuple

from torch import nn

from edgejoule.prune.scoring import curvature as curvatures
from edgejoule.prune.scoring import inverse_blocks
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 5
AXIS = None


def scores(
    model: nn.Module,
    mask: WeightMask,
    batches: Batches,
    *,
    curvature: str = "gauss_newton",
    damping: float = 1e-4,
    block: Optional[int] = None,
) -> Scores:
    """Per tensor, by how much the loss rises without each weight, in its shape."""
    options = {"curvature": curvature, "damping": damping, "block": block}
    return surgery(model, mask, batches, **options)[0]


def surgery(
    model: nn.Module, mask: WeightMask, batches: Batches, **options: Any
) -> Tuple[Scores, Callable[[WeightMask, bool], int]]:
    """The scores, and a function that makes the weights left by a mask make up for the others."""
    check(**options)
    curvature, damping = options.get("curvature", "gauss_newton"), options.get("damping", 1e-4)
    found = inverse_blocks.sheets(model, mask, batches, curvature, damping, options.get("block"))

    def adjust(after: WeightMask, joint: bool = True) -> int:
        changes = inverse_blocks.changes(found, after, joint)
        weight_mask.change(model, changes)
        weight_mask.apply(model, after)  # rounding leaves a rest of what should be zero
        return inverse_blocks.change_work(mask, options.get("block"))

    return {
        name: model.get_parameter(name).detach().double() ** 2 / each / 2
        for name, each in inverse_blocks.diagonals(found, mask).items()
    }, adjust


def check(
    *, curvature: str = "gauss_newton", damping: float = 1e-4, block: Optional[int] = None
) -> None:
    """Refuses a curvature that does not exist and values out of their range."""
    curvatures.check(curvature)
    if damping < 0 or (block is not None and block < 1):
        raise ValueError(
            "damping={!r}, block={!r}; damping starts at 0, a block at one weight".format(
                damping, block
            )
        )
    if curvature == "hessian" and block is not None:
        raise ValueError(
            "block={!r} has no effect with curvature='hessian', which is one block; leave it "
            "out".format(block)
        )


def flops(model: nn.Module, mask: WeightMask, batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: the gradients of single images, the blocks and their inverses."""
    curvature = options.get("curvature", "gauss_newton")
    rows = 0
    if curvature != "hessian":  # whose rows come as they are
        rows = curvatures.backward_passes(model, batches[0][0][:1], curvature)
        rows *= sum(len(x) for x, _ in batches)
    return curvatures.work(model, list(mask), batches, curvature) + inverse_blocks.work(
        mask, rows, options.get("block")
    )
