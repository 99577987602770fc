"""Constants of removed channels, folded into the layers that read them.

A mask in the sense of network slimming or of torch.nn.utils.prune silences a channel's filter
and scale, but its bias and beta go on emitting a constant, which a cut would drop: outputs then
move by a fifth to three quarters. The constant times a reader's weights is a constant again and
goes into the reader's bias, or into the running mean of the norm behind it. That is exact
unless the reader pads with zeros: there the constant ends at the border. `borders=True` adds
the missing rim as a map, which fixes the input's size.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask, leaving
from edgejoule.prune.parity import called, parity
from edgejoule.prune.shrink import shrink, staying

READERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class Folded(NamedTuple):
    """A shrunk model that keeps the constants of what was removed."""

    model: nn.Module
    exact: Tuple[str, ...]  # readers whose share is exact
    borders: Tuple[str, ...]  # readers that are right inside and off where they pad
    lost: Tuple[str, ...]  # readers that see no constant there; nothing was folded
    error: float  # against the mask that keeps constants, on the example, in eval()


class BorderConv2d(nn.Conv2d):
    """A convolution plus a fixed map [1, out, h, w]: what removed constants add up to, borders
    included.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + self.border


def silenced(model: nn.Module, groups: Sequence[Group], mask: Mask) -> nn.Module:
    """A copy in which removed channels have zero filters and scales, but keep biases, beta and
    statistics.
    """
    twin = duplicate(model)
    chosen = {
        (unit.weight or unit.producer + ".weight", unit.axis)  # chosen from a stream, no scale
        for group in groups
        for unit in group.units
        if unit.axis == 1 and unit.norm is None
    }
    with torch.no_grad():
        for (name, axis), positions in leaving(groups, mask).items():
            path, _, leaf = name.rpartition(".")
            module = twin.get_submodule(path) if path else twin
            tensor = getattr(module, leaf, None)
            if leaf == "weight" and tensor is not None and (axis == 0 or (name, axis) in chosen):
                tensor.index_fill_(axis, torch.from_numpy(positions).to(tensor.device), 0)
    return twin


def fold(
    model: nn.Module, example: Any, groups: Sequence[Group], mask: Mask, borders: bool = False
) -> Folded:
    """The shrunk model with its removed constants folded, and how exact that is."""
    silent, small = silenced(model, groups, mask).eval(), shrink(model, example, groups, mask)
    readers = _readers(silent, groups, mask)
    seen = _watched(silent, example, {reader.name: reader.dense for reader in readers})
    norms = {unit.producer: unit.norm for group in groups for unit in group.units}
    kinds: Dict[str, List[str]] = {"": [], "exact": [], "borders": [], "lost": []}
    for reader in readers:
        kind = _folded(reader, small, seen[reader.name], norms.get(reader.name), borders)
        kinds[kind].append(reader.name)
    error = parity(silent, small, example, modes=(False,))
    return Folded(
        small, tuple(kinds["exact"]), tuple(kinds["borders"]), tuple(kinds["lost"]), error
    )


class Reader(NamedTuple):
    """A layer that loses inputs: which leave, and which outputs stay (None = all)."""

    name: str
    dense: nn.Module
    gone: List[int]
    stay: Optional[List[int]]


def _readers(model: nn.Module, groups: Sequence[Group], mask: Mask) -> List[Reader]:
    found, outputs = [], {}
    for (name, axis), positions in leaving(groups, mask).items():
        path, _, leaf = name.rpartition(".")
        module = model.get_submodule(path) if path else model
        if leaf == "weight" and isinstance(module, READERS) and getattr(module, "groups", 1) == 1:
            if axis == 0:
                outputs[path] = staying(module.weight.shape[0], positions).tolist()
            elif axis == 1:
                found.append((path, module, positions.tolist()))
    return [Reader(path, module, gone, outputs.get(path)) for path, module, gone in found]


def _watched(
    model: nn.Module, example: Any, layers: Dict[str, nn.Module]
) -> Dict[str, torch.Tensor]:
    """What each layer reads when the model runs."""
    seen = {}
    handles = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0]}))
        for name, layer in layers.items()
    ]
    try:
        with torch.no_grad():
            called(model, example)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _folded(
    reader: Reader, small: nn.Module, x: torch.Tensor, norm: Optional[str], borders: bool
) -> str:
    """Fold one reader's constants; how well that went, "" if there was nothing to fold."""
    if not bool(reader.dense.weight.detach()[:, reader.gone].any()):
        return ""
    values = _values(reader.dense, x, reader.gone)
    if values is None:
        return "lost"
    if not bool(values.any()):
        return ""
    new, padded = small.get_submodule(reader.name), _pads(reader.dense)
    if padded and borders and type(new) is nn.Conv2d:
        new.__class__ = BorderConv2d
        new.register_buffer(
            "border", _kept(_map(reader.dense, x, reader.gone, values), 1, reader.stay)
        )
        return "exact"
    weight = reader.dense.weight.detach()[:, reader.gone].flatten(
        2 if reader.dense.weight.dim() > 2 else 1
    )
    share = (weight.sum(2) if weight.dim() > 2 else weight) @ values
    _add(new, _kept(share, 0, reader.stay), None if norm is None else small.get_submodule(norm))
    return "borders" if padded else "exact"


def _kept(tensor: torch.Tensor, axis: int, stay: Optional[List[int]]) -> torch.Tensor:
    return (
        tensor
        if stay is None
        else tensor.index_select(axis, torch.tensor(stay, device=tensor.device))
    )


def _values(layer: nn.Module, x: torch.Tensor, gone: List[int]):
    """The constant that each lost input carries, None if one isn't constant."""
    lost = (
        x[..., gone].reshape(-1, len(gone)).t()
        if isinstance(layer, nn.Linear)
        else x[:, gone].transpose(0, 1).reshape(len(gone), -1)
    )
    low, high = lost.min(1)[0], lost.max(1)[0]
    return high if bool(((high - low) <= 1e-6 * (1 + high.abs())).all()) else None


def _pads(layer: nn.Module) -> bool:
    padding = getattr(layer, "padding", 0)
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        return False
    return padding == "same" or (
        padding != "valid" and any([padding] if isinstance(padding, int) else padding)
    )


def _map(layer: nn.Conv2d, x: torch.Tensor, gone: List[int], values: torch.Tensor) -> torch.Tensor:
    """The constants' share [1, out, h, w] under the layer's own padding."""
    constant = values.view(1, -1, 1, 1).expand(1, len(gone), *x.shape[2:])
    with torch.no_grad():
        return nn.functional.conv2d(
            constant, layer.weight[:, gone], None, layer.stride, layer.padding, layer.dilation
        )


def _add(layer: nn.Module, share: torch.Tensor, norm: Optional[nn.Module]) -> None:
    """Add a constant [out] to what a layer puts out: to its bias, else to the mean that the
    norm behind it takes away, else to a new bias.
    """
    with torch.no_grad():
        if layer.bias is not None:
            layer.bias.add_(share)
        elif norm is not None and norm.running_mean is not None:
            norm.running_mean.sub_(share)
        else:
            layer.bias = nn.Parameter(share.clone())
