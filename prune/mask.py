"""A mask: which channels of each group are kept, and the model with the removed ones zero.

A masked model keeps its shapes; every slice of a removed channel is zero, biases and the batch
norms' beta and running mean included, so a removed channel emits no constant and the shrunk
model computes exactly the same. A silenced model keeps biases, beta and statistics, so that a
removed channel goes on emitting a constant.
"""

from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple, Union

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from edgejoule.prune.computed_weights import layer_of, plain_name, undirected
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group, find_tensor

Flags = Mapping[str, torch.Tensor]  # group name -> bool tensor [channels]


class Mask(Dict[str, torch.Tensor]):
    """Group name -> bool tensor [channels], True = kept.

    `notes` tells, in sentences, what could not be done as asked.

    Raises:
        ValueError: what is put in is no bool tensor [channels].
    """

    def __init__(
        self,
        kept: Union[Flags, Iterable[Tuple[str, torch.Tensor]]] = (),
        notes: Iterable[str] = (),
    ) -> None:
        dict.__init__(self)
        self.notes = tuple(notes)
        for name, flags in dict(kept).items():
            self[name] = flags

    def __setitem__(self, name: str, flags: torch.Tensor) -> None:
        if not isinstance(flags, torch.Tensor) or flags.dtype != torch.bool or flags.dim() != 1:
            raise ValueError(
                "mask: group {!r} needs a bool tensor [channels], got {!r}".format(
                    name, getattr(flags, "dtype", type(flags))
                )
            )
        dict.__setitem__(self, name, flags)

    @property
    def kept(self) -> int:
        """Channels that stay."""
        return sum(int(flags.sum()) for flags in self.values())

    @property
    def channels(self) -> int:
        """Channels in all groups."""
        return sum(flags.numel() for flags in self.values())

    @property
    def ratio(self) -> float:
        """Share of channels removed, in [0, 1]; 0 for a mask over no channel."""
        return 1 - self.kept / self.channels if self.channels else 0.0

    def distance(self, other: "Mask") -> float:
        """Share of channels on which two masks differ, in [0, 1].

        Raises:
            ValueError: they are over different groups.
        """
        if set(self) != set(other):
            raise ValueError(
                "masks over different groups: {} are in one only".format(
                    sorted(set(self) ^ set(other))
                )
            )
        differ = sum(int((flags != other[name]).sum()) for name, flags in self.items())
        return differ / self.channels if self.channels else 0.0


def removed(group: Group, mask: Mask) -> np.ndarray:
    """The channels [n] of a group that leave, ascending; none if the mask doesn't name it.

    Raises:
        ValueError: the mask has another number of channels.
    """
    flags = mask.get(group.name)
    if flags is None:
        return np.zeros(0, int)
    if flags.numel() != group.channels:
        raise ValueError(
            "mask: group {!r} has {} channels, the mask {}".format(
                group.name, group.channels, flags.numel()
            )
        )
    return np.flatnonzero(~flags.cpu().numpy())


def leaving(groups: Sequence[Group], mask: Mask) -> Dict[Tuple[str, int], np.ndarray]:
    """(tensor, axis) -> the positions that leave, ascending, for every axis that loses any.

    Raises:
        ValueError: the mask names a group that there isn't.
    """
    unknown = set(mask) - {group.name for group in groups}
    if unknown:
        raise ValueError(
            "mask: no group called {!r}; the model has: {}".format(
                sorted(unknown)[0], ", ".join(group.name for group in groups) or "none"
            )
        )
    parts: Dict[Tuple[str, int], List[np.ndarray]] = {}
    for group in groups:
        gone = removed(group, mask)
        positions: Dict[int, np.ndarray] = {}
        for part in group.slices if gone.size else ():
            if id(part.indices) not in positions:  # equal ones are mostly one object
                positions[id(part.indices)] = np.asarray(part.indices)[gone].ravel()
            parts.setdefault((part.tensor, part.axis), []).append(positions[id(part.indices)])
    # an axis may belong to several groups, such as the reader of a concatenation
    return {key: np.unique(np.concatenate(found)) for key, found in parts.items()}


def masked(model: nn.Module, groups: Sequence[Group], mask: Mask) -> nn.Module:
    """A copy of the model, same shapes, with every slice of a removed channel zero."""
    twin = duplicate(model)
    directions = undirected(model)
    with torch.no_grad():
        for (name, axis), positions in leaving(groups, mask).items():
            tensor = find_tensor(twin, name)
            if directions.get(name) == axis:
                continue
            if tensor is not None and tensor.dtype.is_floating_point:  # else it is an index
                tensor.index_fill_(axis, torch.from_numpy(positions).to(tensor.device), 0)
    return twin


def silenced(model: nn.Module, groups: Sequence[Group], mask: Mask) -> nn.Module:
    """A copy of the model, same shapes, whose removed channels emit constants.

    Filters and scales of removed channels are zero, as network slimming and
    torch.nn.utils.prune leave them. Convolutions, linear layers and norms keep their biases,
    beta and statistics, and the weights with which they read removed channels. All else is zero
    as in `masked`.
    """
    twin = duplicate(model)
    layers = dict(twin.named_modules())
    directions = undirected(model)
    indexed = _read_by_index(groups)
    with torch.no_grad():
        for (name, axis), positions in leaving(groups, mask).items():
            path, leaf = layer_of(name)
            tensor = find_tensor(twin, name)
            if tensor is None or not tensor.dtype.is_floating_point:
                continue
            if directions.get(name) == axis:
                continue
            if (name, axis) in indexed or not _stays(layers[path], plain_name(leaf), axis):
                tensor.index_fill_(axis, torch.from_numpy(positions).to(tensor.device), 0)
    return twin


def _read_by_index(groups: Sequence[Group]) -> Set[Tuple[str, int]]:
    """The weights in front of which an index leaves channels out of a stream.

    The stream's own layers stay whole, so it is these weights, or the scale of the norm in
    between, that a mask silences.
    """
    return {
        (unit.weight or unit.producer + ".weight", unit.axis)
        for group in groups
        if any(part.tensor.rpartition(".")[2] == "index" for part in group.slices)
        for unit in group.units
        if unit.norm is None
    }


def _stays(module: nn.Module, leaf: str, axis: int) -> bool:
    """Whether a tensor of a layer outlasts the silencing of its channels along an axis."""
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return axis == 1  # a unit with a bias would emit no constant, so it is silenced whole
    if isinstance(module, _ConvTransposeNd):
        depthwise = module.groups > 1 and module.groups == module.in_channels
        return leaf == "bias" or (axis == 0 and not depthwise)
    if isinstance(module, (_ConvNd, nn.Linear, _NormBase)):
        return leaf != "weight" or axis == 1
    return False
