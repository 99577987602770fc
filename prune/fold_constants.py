"""Constants of removed channels, folded into the layers that read them.

A mask in the sense of network slimming (Liu et al., 2017, arXiv:1708.06519) or of
torch.nn.utils.prune silences a channel's filter and scale, but its bias and beta go on emitting
a constant. `shrink` drops it, which moves the outputs of a trained network by a fifth to three
quarters. What a constant adds to a convolution or linear layer is a constant again, and goes
into that layer's bias; or, where it has none, into the running mean of the batch norm directly
behind it, which in train() takes it away by itself. That is exact unless the layer pads with
zeros: there the constant ends at the border. `borders=True` adds the missing rim as a map, which
fixes the input's size.
"""

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask, silenced
from edgejoule.prune.missing_constants import Missing, missing
from edgejoule.prune.parity import noise, parity
from edgejoule.prune.shrink import keeping, shrink

UNITS = 1e4  # an error of so many roundings of the largest output counts as none


class Folded(NamedTuple):
    """A shrunk model that keeps the constants of what was removed."""

    model: nn.Module
    exact: Tuple[str, ...]  # layers that have all of their constant
    borders: Tuple[str, ...]  # layers that are right in the middle and off where they pad
    lost: Tuple[str, ...]  # layers that lack what no constant can give back; "": the outputs do
    error: float  # largest difference from the silenced model in eval(), relative to its outputs


class BorderConv2d(nn.Conv2d):
    """A convolution plus a fixed map [1, out, h, w]: what removed constants add, rim included."""

    border: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution of x [n, in, ...] plus the map [n, out, h, w]."""
        return super().forward(x) + self.border


def fold_constants(
    model: nn.Module, example: Any, groups: Sequence[Group], mask: Mask, borders: bool = False
) -> Folded:
    """The shrunk model with the constants that its removed channels emitted.

    For a mask that silences channels but keeps what their biases and batch norms' beta emit;
    `shrink` alone drops these constants.

        found = grouping.find(model, example)  # in any mode
        mask = select.select(slim.scores(model, found, None), found, 0.5)
        folded = fold_constants(model, example, found, mask)

    The result's `model` computes what `mask.silenced(model, found, mask)` computes, exactly if
    `borders` and `lost` are empty; its `error` is measured. The model is untouched. A layer that
    had neither bias nor batch norm behind it may have got a bias; since a plan describes cuts
    alone, save such a model with `deploy`. Layers that run in train() only get nothing.
    `example` is an input [n, ...], a tuple or a dict of inputs; every layer's outputs for it are
    held in memory, so take two samples rather than a hundred. With `borders=True`,
    two-dimensional convolutions get their rim, and the result takes inputs of this size only.

    Raises:
        ValueError, RuntimeError: as `shrink.shrink`.
    """
    silent = silenced(model, groups, mask).eval()
    small = shrink(model, example, groups, mask)
    modes = [(module, module.training) for module in small.modules()]
    # what is missing for two inputs alike depends on no input
    examples = [example, noise(example, generator=torch.Generator().manual_seed(0))]
    kinds: Dict[str, List[str]] = {"": [], "exact": [], "borders": [], "lost": []}
    for each in missing(silent, small.eval(), keeping(model, groups, mask), examples):
        kinds[_folded(small, each, borders)].append(each.site.layer)
    error = max(parity(silent, small, each, modes=(False,)) for each in examples)
    if not (kinds["borders"] or kinds["lost"]) and not error <= UNITS * _precision(small):
        kinds["lost"].append("")
    for module, training in modes:
        module.training = training
    return Folded(
        small, tuple(kinds["exact"]), tuple(kinds["borders"]), tuple(kinds["lost"]), error
    )


def _precision(model: nn.Module) -> float:
    """The relative rounding of the model's least precise parameter."""
    return max(torch.finfo(p.dtype).eps for p in model.parameters() if p.dtype.is_floating_point)


def _folded(small: nn.Module, lack: Missing, borders: bool) -> str:
    """How well a layer was given what it lacks; "" if it lacks nothing."""
    layer = small.get_submodule(lack.site.layer)
    if lack.nothing():
        return ""
    norm = None if lack.site.norm is None else small.get_submodule(lack.site.norm)
    constant = lack.constant()
    if constant is not None:
        _add(layer, constant, norm)
        return "exact"
    # a transposed convolution spreads a constant over its stride, so it has no middle
    padded = isinstance(layer, _ConvNd) and not isinstance(layer, _ConvTransposeNd)
    rim = lack.map() if padded else None
    if rim is None:
        return "lost"
    if borders and type(layer) is nn.Conv2d:
        layer.__class__ = BorderConv2d
        layer.register_buffer("border", rim[None])
        return "exact"
    _add(layer, rim[(slice(None),) + tuple(size // 2 for size in rim.shape[1:])], norm)
    return "borders"


def _add(layer: Any, share: torch.Tensor, norm: Any) -> None:
    """Add a constant [out] to what a layer puts out.

    To its bias, else to the mean that the norm behind it takes away, else to a new bias.
    """
    with torch.no_grad():
        if layer.bias is not None:
            layer.bias.add_(share)
        elif norm is not None:
            norm.running_mean.sub_(share)
        else:
            layer.bias = nn.Parameter(share.clone())
