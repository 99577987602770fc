"""The hyperplanes of a layer's units and the distance between two of them.

Unit k of a layer kinks where W_k x + b_k = 0 (Balestriero & Baraniuk, max-affine splines). Eq. 2 of
"Max-Affine Spline Insights into Deep Network Pruning" (2021) calls two units redundant when

    N(k, k') = 1 - |<W_k, W_k'>| / (|W_k| |W_k'|) + rho |b_k - b_k'|       equation "paper"

is small. Read literally it contradicts the paper's Proposition 1 (N = 0 also for parallel
hyperplanes that differ), so "exact" compares biases in units of their slopes, signs aligned:
rho |b_k / |W_k| - s b_k' / |W_k'||, s = sign <W_k, W_k'>. Then N = 0 iff the hyperplanes coincide.

Deviations: the batch norm that feeds the activation is folded into slope and bias; a channel that
several layers write to has one hyperplane in each, and the distance is their mean.
"""

from functools import reduce
from typing import List, NamedTuple, Optional, Sequence, Tuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.computed_weights import layer_of, plain_name
from edgejoule.prune.groups import Group, Unit, filters
from edgejoule.prune.scoring.greedy import Distances

EQUATIONS = ("paper", "exact")


class Planes(NamedTuple):
    """The hyperplanes of one layer: slopes [channels, d] and biases [channels], float64."""

    slopes: Tensor
    biases: Tensor


def planes(model: nn.Module, group: Group, fold_bn: bool = True) -> List[Planes]:
    """One `Planes` per layer that writes the group, batch norms folded in or ignored."""
    # float64: in float32 near duplicates would be as far apart as rounding puts them
    return [
        _unit(model, group, unit, rows.detach().double(), fold_bn)
        for unit, rows in neurons(model, group)
    ]


def neurons(model: nn.Module, group: Group) -> List[Tuple[Unit, Tensor]]:
    """(unit, weights [channels, d]) of every layer that writes the group's channels.

    Where an index selects among a stream's channels the unit is a layer that reads them: its
    slices along the in-axis are no hyperplanes.
    """
    return [
        (unit, rows)
        for unit, rows in zip(group.units, filters(model, group))
        if writes(model, unit)
    ]


def writes(model: nn.Module, unit: Unit) -> bool:
    """True if the group's channels are the outputs of the unit's layer, not its inputs."""
    transposed = getattr(model.get_submodule(unit.producer), "transposed", False)
    return unit.axis == (1 if transposed else 0)


def among(layers: Sequence[Planes], units: Tensor, rho: float, equation: str) -> Distances:
    """A function of positions in `units`: N of those units to all `units` [rows, units].

    The distance of a group is the mean over its layers.
    """
    chosen = [_scaled(Planes(each.slopes[units], each.biases[units]), equation) for each in layers]

    def distances(rows: Tensor) -> Tensor:
        total = _distances(chosen[0], rows, rho, equation)
        for layer in chosen[1:]:
            total += _distances(layer, rows, rho, equation)
        return total if len(chosen) == 1 else total / len(chosen)

    return distances


def sizes(layers: Sequence[Planes]) -> Tensor:
    """Euclidean norm of each unit's slopes over the layers of a group [channels]."""
    return reduce(torch.add, (layer.slopes.pow(2).sum(1) for layer in layers)).sqrt()


def _unit(model: nn.Module, group: Group, unit: Unit, slopes: Tensor, fold_bn: bool) -> Planes:
    """The hyperplanes of one layer, its batch norm folded in if there is one and it is wanted."""
    # a recurrent layer calls them weight_ih_l0 and bias_ih_l0
    owner, weight = layer_of(unit.weight or unit.producer + ".weight")
    bias = _vector(model, group, owner + "." + plain_name(weight).replace("weight", "bias"))
    bias = slopes.new_zeros(len(slopes)) if bias is None else bias
    if not (fold_bn and unit.norm):
        return Planes(slopes, bias)
    norm = cast(_BatchNorm, model.get_submodule(unit.norm))
    mean, var, gamma, beta = (
        _vector(model, group, unit.norm + name)
        for name in (".running_mean", ".running_var", ".weight", ".bias")
    )
    if mean is None or var is None:
        raise ValueError(
            "{}: no running statistics to fold; train with them or set fold_bn=False".format(
                unit.norm
            )
        )
    # gamma (w x + b - mean) / sqrt(var + eps) + beta is again one slope and one bias
    scale = (var + norm.eps).rsqrt() * (1 if gamma is None else gamma)
    return Planes(slopes * scale[:, None], (bias - mean) * scale + (0 if beta is None else beta))


def _vector(model: nn.Module, group: Group, tensor: str) -> Optional[Tensor]:
    """The group's entries of a per-channel tensor, float64 [channels], mean over positions."""
    owner, _, last = tensor.rpartition(".")
    values = getattr(model.get_submodule(owner), last, None)
    found = [each for each in group.slices if each.tensor == tensor]
    if values is None or not found:
        return None
    index = torch.tensor([list(each) for each in found[0].indices], device=values.device)
    return values.detach().double()[index].mean(1)


def _scaled(layer: Planes, equation: str) -> Planes:
    """Slopes of length one (zero for a unit without), biases as the equation compares them."""
    lengths = layer.slopes.norm(dim=1)
    scale = torch.where(lengths > 0, 1 / lengths, torch.zeros_like(lengths))
    biases = layer.biases * scale if equation == "exact" else layer.biases
    return Planes(layer.slopes * scale[:, None], biases)


def _distances(layer: Planes, rows: Tensor, rho: float, equation: str) -> Tensor:
    """Eq. 2 of some units with all of a layer [rows, channels].

    In place where it can be: this runs over n^2 pairs, and memory traffic is what it costs.
    """
    cosines = layer.slopes[rows] @ layer.slopes.t()
    if equation == "exact":
        signs = 1 - 2 * (cosines < 0).to(cosines)
        gaps = signs.mul_(layer.biases[None]).sub_(layer.biases[rows][:, None]).abs_()
    else:
        gaps = (layer.biases[rows][:, None] - layer.biases[None]).abs_()
    # rounding can lift a cosine above 1, and a distance must not be negative
    return cosines.abs_().clamp_(max=1).neg_().add_(1).add_(gaps, alpha=rho)
