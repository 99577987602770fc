"""How many weights each layer of a sparse network gets before it is trained, and which.

"uniform" gives every sparse layer the same density. "erk" (Erdos-Renyi kernel, Evci et al., 2020,
arXiv:1911.11134, section 3) makes it proportional to sum(shape) / product(shape), so that small
layers keep more; a layer that would need more than it has is dense, and the others are solved for
again. `erdos_renyi` is SET's rule (Mocanu et al., 2018, arXiv:1707.04780), which knows no target:
epsilon * (n_in + n_out) weights in every layer, a convolution seen as a matrix of its outputs and
all that one of them reads.
"""

import math
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Set

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.settings import Settings
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

DENSITIES = ("erk", "uniform")
SPARSE = ("all", "no_first", "no_classifier", "blocks")

Shapes = Mapping[str, Sequence[int]]  # tensor name -> its shape


@dataclass(frozen=True)
class Sparsity(Settings):
    """How many weights are absent, how layers share that, and which layers are sparse at all."""

    ratio: float  # of the weights of the sparse layers
    densities: str = "erk"
    sparse_layers: str = "all"

    def __post_init__(self) -> None:
        if not 0 <= self.ratio < 1:
            raise ValueError("ratio is {!r}; it must lie in [0, 1)".format(self.ratio))
        _choose("densities", self.densities, DENSITIES)
        _choose("sparse_layers", self.sparse_layers, SPARSE)


def drawn(trainer: Trainer, asked: Sparsity, chance: torch.Generator) -> WeightMask:
    """The mask over all convolutions and linear layers, weights drawn by chance in sparse ones.

    A tensor that gets no weight at all becomes a warning.
    """
    kept = kept_weights(shapes(trainer.model, asked.sparse_layers), asked)
    return with_kept(trainer, kept, chance)


def with_kept(trainer: Trainer, kept: Mapping[str, int], chance: torch.Generator) -> WeightMask:
    """The mask that keeps so many weights of these tensors, drawn by chance, and all of others."""
    mask = weight_mask.full(trainer.model, weight_mask.names(trainer.model))
    for name, count in kept.items():
        flags = torch.zeros(mask[name].numel(), dtype=torch.bool)
        # drawn on the CPU: a GPU's generator gives other numbers for the same seed
        flags[torch.randperm(len(flags), generator=chance)[:count]] = True
        mask[name] = flags.view(mask[name].shape).to(mask[name].device)
    for name in mask.empty:
        trainer.warn("layer collapse: nothing is left of {}; lower ratio".format(name))
    return mask


def shapes(model: nn.Module, sparse_layers: str) -> Dict[str, Sequence[int]]:
    """Shapes of the weight tensors that are sparse, in the network's order.

    "blocks" is DSR's choice: all convolutions of more than one pixel but the first; in a network
    without any such all linear layers.

    Raises:
        ValueError: there are none, or no such choice.
    """
    _choose("sparse_layers", sparse_layers, SPARSE)
    found = weight_mask.names(model)
    chosen = {
        "all": found,
        "no_first": found[1:],
        "no_classifier": found[:-1],
        "blocks": _blocks(model),
    }[sparse_layers]
    if not chosen:
        raise ValueError(
            "the model has no sparse layers with sparse_layers={!r}; set 'all'".format(
                sparse_layers
            )
        )
    return {name: tuple(model.get_parameter(name).shape) for name in chosen}


def kept_weights(tensors: Shapes, asked: Sparsity) -> Dict[str, int]:
    """How many weights of each tensor stay.

    "uniform" removes floor(ratio * n) of each; "erk" removes as many of all together, its shares
    rounded by the largest remainders.
    """
    uniform = {
        name: _size(shape) - weight_mask.removal(asked.ratio, _size(shape))
        for name, shape in tensors.items()
    }
    if asked.densities == "uniform":
        return uniform
    found = erk(tensors, asked.ratio)
    shares = [found[name] * _size(shape) for name, shape in tensors.items()]
    return dict(zip(tensors, apportioned(sum(uniform.values()), shares)))


def erk(tensors: Shapes, ratio: float) -> Dict[str, float]:
    """The Erdos-Renyi-kernel density of each tensor, in (0, 1], before any rounding."""
    raw = {name: sum(shape) / _size(shape) for name, shape in tensors.items()}
    sizes = {name: _size(shape) for name, shape in tensors.items()}
    # layer by layer rounded up, as the authors' code counts: as many weights as "uniform" keeps
    budget = sum(size - weight_mask.removal(ratio, size) for size in sizes.values())
    dense: Set[str] = set()
    while True:
        left = [name for name in tensors if name not in dense]
        weights = sum(raw[name] * sizes[name] for name in left)
        scale = (budget - sum(sizes[name] for name in dense)) / weights if left else 0.0
        # what a full layer cannot take goes to the others, which may fill another one
        over = {name for name in left if scale * raw[name] > 1}
        if not over:
            return {name: 1.0 if name in dense else scale * raw[name] for name in tensors}
        dense |= over


def erdos_renyi(tensors: Shapes, epsilon: float) -> Dict[str, int]:
    """SET's epsilon * (n_in + n_out) weights of each tensor, rounded down, at most all of them."""
    return {
        name: min(_size(shape), int(math.floor(epsilon * (shape[0] + _size(shape[1:])) + 1e-9)))
        for name, shape in tensors.items()
    }


def apportioned(total: int, shares: Sequence[float]) -> List[int]:
    """Whole numbers near these shares, which sum to `total`: the largest remainders round up."""
    counts = [int(math.floor(share + 1e-9)) for share in shares]
    # of equal remainders the earlier comes first: sorting is stable
    order = sorted(range(len(shares)), key=lambda place: counts[place] - shares[place])
    for place in order[: total - sum(counts)]:
        counts[place] += 1
    return counts


def _blocks(model: nn.Module) -> List[str]:
    found = [
        name + ".weight"
        for name, module in model.named_modules()
        if isinstance(module, _ConvNd) and max(module.kernel_size) > 1
    ]
    first = weight_mask.names(model)[0]
    found = [name for name in found if name != first]
    convolutional = any(isinstance(module, _ConvNd) for module in model.modules())
    return found if convolutional else weight_mask.names(model, "linear")


def _size(shape: Sequence[int]) -> int:
    return int(torch.Size(shape).numel())


def _choose(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError("{}={!r}; there are: {}".format(name, value, ", ".join(allowed)))
