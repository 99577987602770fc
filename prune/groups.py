"""Groups: channels of a model that must leave together, and the tensors they own.

This is the vocabulary; `grouping` finds the groups of a model.
"""

import copy
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import nn


class Slice(NamedTuple):
    """The part of one axis of one parameter or buffer that belongs to a group."""

    tensor: str  # qualified name
    axis: int
    indices: Tuple[Tuple[int, ...], ...]  # per channel, the positions it owns


class Unit(NamedTuple):
    """A layer whose outputs are a group's channels, and the batch norm that directly follows
    it.
    """

    producer: str
    norm: Optional[str]
    weight: str = ""  # qualified name, "" for producer + ".weight"
    axis: int = 0  # axis of the weight along which the channels lie


class Group(NamedTuple):
    """Channels that must leave together; valid only for the model's present widths."""

    name: str
    channels: int
    slices: Tuple[Slice, ...]
    units: Tuple[Unit, ...]


class Groups(list):
    """A list of Group with the trace that found them.

    `whole` names what can't be cut: (layer, reason) pairs. `proof` says what a cut is held
    against: the trace's "labels", or the masked model's "values" where groups were declared by
    hand.
    """

    proof = "labels"

    def __init__(
        self, groups: Iterable[Group] = (), whole: Sequence[Tuple[str, str]] = (), trace=None
    ) -> None:
        list.__init__(self, groups)
        self.whole = tuple(whole)
        self.trace = trace

    def __deepcopy__(self, memo) -> "Groups":
        return copy.copy(self)  # groups are values, and nobody changes a trace

    def __reduce__(self):
        return Groups, (list(self), self.whole)

    def __copy__(self) -> "Groups":
        twin = Groups(self, self.whole, self.trace)
        twin.proof = self.proof
        return twin


def tensor_of(model: nn.Module, name: str) -> Optional[torch.Tensor]:
    """The parameter or buffer of that qualified name, None where the module has none."""
    path, _, leaf = name.rpartition(".")
    module = model
    for part in path.split(".") if path else ():
        module = module._modules[part]
    return module._parameters.get(leaf, module._buffers.get(leaf))


def rows(tensor: torch.Tensor, axis: int, indices: Sequence[Sequence[int]]) -> torch.Tensor:
    """The entries that each channel owns [channels, d]."""
    flat, tensor = np.asarray(indices).ravel(), tensor.detach()
    if not np.array_equal(flat, np.arange(tensor.shape[axis])):  # else there is nothing to pick
        tensor = tensor.index_select(axis, torch.from_numpy(flat).to(tensor.device))
    return tensor.transpose(0, axis).reshape(len(indices), -1)


def filters(model: nn.Module, group: Group) -> List[torch.Tensor]:
    """Per unit of the group, the weights that make each channel [channels, d]."""
    result = []
    for unit in group.units:
        name = unit.weight or unit.producer + ".weight"
        part = next(s for s in group.slices if s.tensor == name and s.axis == unit.axis)
        result.append(rows(tensor_of(model, name), part.axis, part.indices))
    return result


def norm_paths(model: nn.Module, group: Group) -> List[str]:
    """The batch norms that a group's channels run through, in order of definition."""
    paths = []
    for part in group.slices:
        path = part.tensor.rpartition(".")[0]
        if path not in paths and isinstance(_module(model, path), nn.modules.batchnorm._BatchNorm):
            paths.append(path)
    return paths


def norms(model: nn.Module, group: Group) -> List[torch.Tensor]:
    """Per batch norm of the group [4, channels]: gamma, beta, mean, variance.

    A norm without scale counts as gamma 1 and beta 0, one without statistics as mean 0 and
    variance 1. Where a channel owns several positions their mean stands for it.
    """
    result = []
    for path in norm_paths(model, group):
        module = _module(model, path)
        part = next(s for s in group.slices if s.tensor.rpartition(".")[0] == path)
        vectors = (module.weight, module.bias, module.running_mean, module.running_var)
        result.append(
            torch.stack([_vector(v, default, part) for v, default in zip(vectors, (1, 0, 0, 1))])
        )
    return result


def norm_eps(model: nn.Module, group: Group) -> List[float]:
    """The epsilon of each batch norm that `norms` reports."""
    return [_module(model, path).eps for path in norm_paths(model, group)]


def _vector(tensor: Optional[torch.Tensor], default: float, part: Slice) -> torch.Tensor:
    if tensor is None:
        return torch.full((len(part.indices),), float(default))
    return rows(tensor, 0, part.indices).mean(1)


def _module(model: nn.Module, path: str) -> nn.Module:
    module = model
    for part in path.split(".") if path else ():
        module = module._modules[part]
    return module
