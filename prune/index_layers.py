"""Layers that read some channels of their input: the stream in front of them stays whole.

Network slimming calls it channel selection (Liu et al., 2017, arXiv:1708.06519, section 3.4).
Deviation: the published code keeps the full batch norm and picks behind it, by a boolean array
looked up on the CPU at every run. Here the index stands in front of the norm, which is cut with
the rest, and is a long buffer, so that every exporter can follow. The layer keeps its
parameters' names.
"""

from typing import Any, Dict, Iterable, List, Sequence, Type

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group


class Indexed(nn.Module):
    """Reads the channels that the buffer `index` names, then does what its layer does."""

    index: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's result [n, out, ...] on the channels of x [n, c, ...] that it reads."""
        return super().forward(x.index_select(1, self.index))


class IndexedBatchNorm1d(Indexed, nn.BatchNorm1d):
    """BatchNorm1d behind an index, for x [n, c] or [n, c, l]."""


class IndexedBatchNorm2d(Indexed, nn.BatchNorm2d):
    """BatchNorm2d behind an index, for x [n, c, h, w]."""


class IndexedBatchNorm3d(Indexed, nn.BatchNorm3d):
    """BatchNorm3d behind an index, for x [n, c, d, h, w]."""


class IndexedConv1d(Indexed, nn.Conv1d):
    """Conv1d behind an index, for x [n, c, l]."""


class IndexedConv2d(Indexed, nn.Conv2d):
    """Conv2d behind an index, for x [n, c, h, w]."""


class IndexedConv3d(Indexed, nn.Conv3d):
    """Conv3d behind an index, for x [n, c, d, h, w]."""


NORMS: Dict[Type[nn.Module], Type[Indexed]] = {
    nn.BatchNorm1d: IndexedBatchNorm1d,
    nn.BatchNorm2d: IndexedBatchNorm2d,
    nn.BatchNorm3d: IndexedBatchNorm3d,
}
CONVOLUTIONS: Dict[Type[nn.Module], Type[Indexed]] = {
    nn.Conv1d: IndexedConv1d,
    nn.Conv2d: IndexedConv2d,
    nn.Conv3d: IndexedConv3d,
}
INDEXED: Dict[Any, Any] = {**NORMS, **CONVOLUTIONS}  # plain layer: the one with an index
PLAIN = {kind: plain for plain, kind in INDEXED.items()}


def indexed(model: nn.Module, sites: Iterable[str]) -> nn.Module:
    """The model with an index over all channels in the layers named.

    Parameters are shared with the model, not copied.

    Raises:
        ValueError: a name is no layer that could have an index.
    """
    tensors = list(model.parameters()) + list(model.buffers())
    twin = duplicate(model, {id(tensor): tensor for tensor in tensors})
    layers = dict(twin.named_modules())
    for site in sites:
        layer = layers.get(site)
        kind = INDEXED.get(type(layer))
        if kind is None or not isinstance(layer, (_NormBase, _ConvNd)):
            raise ValueError(
                "no layer {!r} that could have an index in front; these can: {}".format(
                    site, ", ".join(sorted(plain.__name__ for plain in INDEXED))
                )
            )
        layer.__class__ = kind  # a new object would lose hooks, names and shared uses
        channels = layer.num_features if isinstance(layer, _NormBase) else layer.in_channels
        layer.register_buffer("index", torch.arange(channels, device=_device(layer)))
    return twin


def _device(layer: nn.Module) -> torch.device:
    tensors = list(layer.parameters()) + list(layer.buffers())
    return tensors[0].device if tensors else torch.device("cpu")


def plain(model: nn.Module, sites: Sequence[str]) -> nn.Module:
    """The same model, the layers named turned back where their index still reads everything."""
    layers = dict(model.named_modules())
    for site in sites:
        layer = layers[site]
        del layer._buffers["index"]  # so that the state dict is the dense model's again
        layer.__class__ = PLAIN[type(layer)]
    return model


def sites_of(model: nn.Module, groups: Sequence[Group]) -> List[str]:
    """The layers whose index belongs to a group and doesn't exist in the model yet."""
    layers = dict(model.named_modules())
    found: List[str] = []
    for part in (part for group in groups for part in group.slices):
        path, _, leaf = part.tensor.rpartition(".")
        if leaf != "index" or path not in layers or isinstance(layers[path], Indexed):
            continue
        if path not in found:
            found.append(path)
    return found
