"""Layers that choose among the channels of their input: the residual stream stays whole, its
readers don't (Liu et al., 2017, arXiv:1708.06519, section 3.4).

Deviation: the published code keeps the full batch norm and selects behind it, by a boolean
array looked up on the CPU at every run. Here the index stands in front of the norm, which is
cut with the rest, and is a long buffer, so that every exporter can follow. The layer keeps its
parameters' names.
"""

from typing import Iterable, List, Sequence

import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group


class _Select:
    """Reads the channels that the buffer `index` names, then does what its layer does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.index_select(1, self.index))


class SelectBatchNorm1d(_Select, nn.BatchNorm1d):
    """BatchNorm1d over chosen channels of [n, c] or [n, c, l]."""


class SelectBatchNorm2d(_Select, nn.BatchNorm2d):
    """BatchNorm2d over chosen channels of [n, c, h, w]."""


class SelectBatchNorm3d(_Select, nn.BatchNorm3d):
    """BatchNorm3d over chosen channels of [n, c, d, h, w]."""


class SelectConv1d(_Select, nn.Conv1d):
    """Conv1d over chosen channels of [n, c, l]."""


class SelectConv2d(_Select, nn.Conv2d):
    """Conv2d over chosen channels of [n, c, h, w]."""


class SelectConv3d(_Select, nn.Conv3d):
    """Conv3d over chosen channels of [n, c, d, h, w]."""


NORMS = {
    nn.BatchNorm1d: SelectBatchNorm1d,
    nn.BatchNorm2d: SelectBatchNorm2d,
    nn.BatchNorm3d: SelectBatchNorm3d,
}
CONVOLUTIONS = {nn.Conv1d: SelectConv1d, nn.Conv2d: SelectConv2d, nn.Conv3d: SelectConv3d}
SELECTABLE = {**NORMS, **CONVOLUTIONS}
PLAIN = {select: plain for table in (NORMS, CONVOLUTIONS) for plain, select in table.items()}


def selecting(model: nn.Module, sites: Iterable[str]) -> nn.Module:
    """The model with an index over all channels in the layers named; parameters are shared, not
    copied.
    """
    tensors = list(model.parameters()) + list(model.buffers())
    twin = duplicate(model, {id(tensor): tensor for tensor in tensors})
    layers = dict(twin.named_modules())
    for site in sites:
        layer = layers.get(site)
        select = SELECTABLE.get(type(layer))
        if select is None:
            raise ValueError("no layer {!r} that could select among its inputs".format(site))
        layer.__class__ = select
        layer.register_buffer("index", torch.arange(width(layer), device=_device(layer)))
    return twin


def width(layer: nn.Module) -> int:
    """Channels that a norm or convolution reads."""
    return layer.num_features if hasattr(layer, "num_features") else layer.in_channels


def _device(layer: nn.Module) -> torch.device:
    return next(
        (t.device for t in list(layer.parameters()) + list(layer.buffers())), torch.device("cpu")
    )


def plain(model: nn.Module, sites: Sequence[str]) -> nn.Module:
    """The same model, the layers named turned back where their index still reads everything."""
    layers = dict(model.named_modules())
    for site in sites:
        layer = layers[site]
        del layer._buffers["index"]
        layer.__class__ = PLAIN[type(layer)]
    return model


def sites_of(model: nn.Module, groups: Sequence[Group]) -> List[str]:
    """The layers whose index belongs to a group and doesn't exist in the model yet."""
    layers = dict(model.named_modules())
    found = []
    for part in (part for group in groups for part in group.slices):
        path, _, leaf = part.tensor.rpartition(".")
        if (
            leaf == "index"
            and path in layers
            and type(layers[path]) not in PLAIN
            and path not in found
        ):
            found.append(path)
    return found
