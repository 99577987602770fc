"""The hyperplanes of a layer's units and the distance between two of them.

Unit k of a layer kinks where W_k x + b_k = 0 (Balestriero & Baraniuk, max-affine splines). Eq. 2 of
"Max-Affine Spline Insights into Deep Network Pruning" (2021) calls two units redundant when

    N(k, k') = 1 - |<W_k, W_k'>| / (|W_k| |W_k'|) + rho |b_k - b_k'|       mode "paper"

is small. Read literally it contradicts the paper's Proposition 1 (N = 0 also for parallel
hyperplanes that differ), so mode "exact" compares biases in units of their slopes, signs aligned:
rho |b_k / |W_k| - s b_k' / |W_k'||, s = sign <W_k, W_k'>. Then N = 0 iff the hyperplanes coincide.

Deviations: the batch norm that feeds the activation is folded into slope and bias; a channel that
several layers write to has one hyperplane in each, and the distance is their mean.
"""
from typing import List, NamedTuple, Optional

import torch
from torch import Tensor

from prune.groups import filters

MODES = ("paper", "exact")


class Planes(NamedTuple):
    """The hyperplanes of one layer: slopes [channels, d] and biases [channels], float64."""

    slopes: Tensor
    biases: Tensor


def planes(model, group, fold_bn: bool = True) -> List[Planes]:
    """One `Planes` per unit of the group, batch norms folded in or ignored."""
    found = zip(group.units, filters(model, group))
    return [_unit(model, group, unit, rows.detach().double(), fold_bn) for unit, rows in found]


def distances(layers: List[Planes], rows: Tensor, columns: Tensor, rho: float, mode: str):
    """N of the units `rows` to `columns`, mean over a group's layers [rows, columns]."""
    total = sum(_distances(layer, rows, columns, rho, mode) for layer in layers)
    # Rounded, so that the rounding noise of a matrix product does not break ties.
    return torch.round(total / len(layers) * 1e12) / 1e12


def sizes(layers: List[Planes]) -> Tensor:
    """Euclidean norm of each unit's slopes over the layers of a group [channels]."""
    return sum(layer.slopes.pow(2).sum(1) for layer in layers).sqrt()


def _unit(model, group, unit, slopes: Tensor, fold_bn: bool) -> Planes:
    bias = _vector(model, group, unit.producer + ".bias")
    bias = slopes.new_zeros(len(slopes)) if bias is None else bias
    if not (fold_bn and unit.norm):
        return Planes(slopes, bias)
    norm = model.get_submodule(unit.norm)
    mean, var, gamma, beta = (_vector(model, group, unit.norm + name) for name in (
        ".running_mean", ".running_var", ".weight", ".bias"))
    if mean is None:
        raise ValueError("{}: no running statistics to fold; train with them or set "
                         "fold_bn=False".format(unit.norm))
    scale = (var + norm.eps).rsqrt() * (1 if gamma is None else gamma)
    return Planes(slopes * scale[:, None], (bias - mean) * scale + (0 if beta is None else beta))


def _vector(model, group, tensor: str) -> Optional[Tensor]:
    """The group's entries of a per-channel tensor, float64 [channels], mean over positions."""
    owner, _, last = tensor.rpartition(".")
    values = getattr(model.get_submodule(owner), last, None)
    found = [each for each in group.slices if each.tensor == tensor]
    if values is None or not found:
        return None
    index = torch.tensor([list(each) for each in found[0].indices], device=values.device)
    return values.detach().double()[index].mean(1)


def _distances(layer: Planes, rows: Tensor, columns: Tensor, rho: float, mode: str) -> Tensor:
    a, b = _units(layer, rows), _units(layer, columns)
    cosines = a.slopes @ b.slopes.t()
    if mode == "exact":
        signs = 1 - 2 * (cosines < 0).to(cosines)
        gaps = (a.biases[:, None] - signs * b.biases[None]).abs()
    else:
        gaps = (layer.biases[rows][:, None] - layer.biases[columns][None]).abs()
    return (1 - cosines.abs().clamp(max=1)) + rho * gaps


def _units(layer: Planes, rows: Tensor) -> Planes:
    """The units `rows` scaled to slopes of length one; a unit without slope stays zero."""
    slopes = layer.slopes[rows]
    lengths = slopes.norm(dim=1)
    scale = torch.where(lengths > 0, 1 / lengths, torch.zeros_like(lengths))
    return Planes(slopes * scale[:, None], layer.biases[rows] * scale)
