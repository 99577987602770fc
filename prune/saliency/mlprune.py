"""MLPrune (Zeng & Urtasun, 2019): optimal brain surgeon on Kronecker factors of the Fisher.

w_ij^2 / (2 [S^-1]_ii [A^-1]_jj) with the layer's Fisher S x A (`prune.scoring.kronecker`), one
threshold over all layers. `fisher` "true_fisher" draws labels from the network's own answers, as
the paper does; "empirical_fisher" takes the data's. Recipe "obs" also changes what stays: by
-S^-1 C A^-1 with C_ij = w_ij / ([S^-1]_ii [A^-1]_jj) of the weights that leave where each counts as
if it were the only one (`update` "apart", how EigenDamage's code has it), or for all together.

Deviations: no code of the authors is known, the definitions come from EigenDamage's baselines;
they add 1e-10 to both factors, under which a dead input's inverse explodes and the change of the
others with it, where `damping` (1e-3) is relative. In further rounds the factors still hold the
weights that left before, as if those could move: a Kronecker product can leave none of them out.
"""

from typing import Any, Callable, Dict, Tuple

from torch import Tensor, nn

from edgejoule.prune.scoring import curvature as curvatures
from edgejoule.prune.scoring import kronecker, sample_gradients
from edgejoule.prune.scoring.kronecker import Factors
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 10
AXIS = None


def scores(
    model: nn.Module,
    mask: WeightMask,
    batches: Batches,
    *,
    fisher: str = "true_fisher",
    damping: float = 1e-3,
) -> Scores:
    """Per tensor, by how much the loss rises without each weight, in its shape."""
    return surgery(model, mask, batches, fisher=fisher, damping=damping)[0]


def surgery(
    model: nn.Module, mask: WeightMask, batches: Batches, **options: Any
) -> Tuple[Scores, Callable[[WeightMask, bool], int]]:
    """The scores, and a function that makes the weights left by a mask make up for the others."""
    check(**options)
    fisher, damping = options.get("fisher", "true_fisher"), options.get("damping", 1e-3)
    found = {
        name: kronecker.inverses(each, damping)
        for name, each in kronecker.factors(model, list(mask), batches, fisher).items()
    }

    layers = sample_gradients.owners(model, mask)

    def adjust(after: WeightMask, joint: bool = True) -> int:
        work = 0
        for name, inverse in found.items():
            change, turns = _changes(model, name, inverse, mask[name] & ~after[name], joint)
            weight_mask.change(model, change)
            work += (1 + turns) * kronecker.product_work(layers[name])
        weight_mask.apply(model, after)
        return work

    return {
        name: model.get_parameter(name).detach().double() ** 2 / price(inverse, mask[name]) / 2
        for name, inverse in found.items()
    }, adjust


def price(inverse: Factors, like: Tensor) -> Tensor:
    """[S^-1]_ii [A^-1]_jj in the shape of a weight, the bias's column left out."""
    rows, columns = (each.diagonal(dim1=1, dim2=2) for each in (inverse.s, inverse.a))
    columns = columns[:, : like[0].numel()]
    return (rows[:, :, None] * columns[:, None, :]).reshape(like.shape)


def _changes(
    model: nn.Module, name: str, inverse: Factors, gone: Tensor, joint: bool
) -> Tuple[Dict[str, Tensor], int]:
    """What is added to a layer's weight, and to its bias if it has one; turns of the solver."""
    weight = model.get_parameter(name).detach().double()
    shape, inputs = (len(inverse.s), inverse.s.shape[1], -1), gone[0].numel()
    leaving, prices = gone.reshape(shape), price(inverse, gone).reshape(shape)
    target, turns = (weight * gone).reshape(shape), 0
    pull = target / prices
    if joint:
        pull, turns = kronecker.solved(inverse, leaving, target, prices)
    change = -kronecker.product(inverse, pull)
    found = {name: change[:, :, :inputs].reshape(weight.shape)}
    if change.shape[2] > inputs:  # no bias leaves, but it may make up for what does
        found[name[: -len("weight")] + "bias"] = change[:, :, inputs].reshape(-1)
    return found, turns


def check(*, fisher: str = "true_fisher", damping: float = 1e-3) -> None:
    """Refuses a Fisher information that does not exist and damping below 0."""
    if fisher not in curvatures.FISHERS:
        raise ValueError(
            "no fisher called {!r}; there are: {}".format(fisher, ", ".join(curvatures.FISHERS))
        )
    if damping < 0:
        raise ValueError("damping={!r}; it starts at 0".format(damping))


def flops(model: nn.Module, mask: WeightMask, batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass, the factors and their inverses."""
    names = list(mask)
    passes = curvatures.pass_work(model, names, batches, options.get("fisher", "true_fisher"))
    return passes + kronecker.work(model, names, batches)
