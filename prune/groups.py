"""Groups: channels of a model that must leave together, and the tensors they own.

This is the vocabulary; `grouping` finds the groups of a model.
"""

import copy
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple, cast

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.computed_weights import effective
from edgejoule.prune.duplicate import uncompiled
from edgejoule.prune.tracing.recording import Recording


class Slice(NamedTuple):
    """The part of one axis of one parameter or buffer that belongs to a group."""

    tensor: str  # qualified name
    axis: int
    indices: Tuple[Tuple[int, ...], ...]  # per channel, the positions it owns


class Unit(NamedTuple):
    """A layer whose outputs are a group's channels, and the batch norm directly behind it."""

    producer: str  # module path
    norm: Optional[str]
    weight: str = ""  # qualified name, "" for producer + ".weight"
    axis: int = 0  # axis of the weight along which the channels lie


class Group(NamedTuple):
    """Channels that must leave together; valid only for the model's present widths."""

    name: str
    channels: int
    slices: Tuple[Slice, ...]
    units: Tuple[Unit, ...]


class Groups(List[Group]):
    """A list of Group with the recording that found them, None where there was none.

    `whole` names what can't be cut: (layer, reason) pairs. `proof` says what a cut is held
    against: the recording's "labels", or the masked model's "values" where groups were declared
    by hand.
    """

    proof = "labels"

    def __init__(
        self,
        groups: Iterable[Group] = (),
        whole: Sequence[Tuple[str, str]] = (),
        recording: Optional[Recording] = None,
    ) -> None:
        list.__init__(self, groups)
        self.whole = tuple(whole)
        self.recording = recording

    def __deepcopy__(self, memo: Any) -> "Groups":
        return copy.copy(self)  # groups are values, and nobody changes a recording

    def __reduce__(self) -> tuple:
        return Groups, (list(self), self.whole)  # a recording is large, and quickly made anew

    def __copy__(self) -> "Groups":
        twin = Groups(self, self.whole, self.recording)
        twin.proof = self.proof
        return twin


def tensor_of(model: nn.Module, name: str) -> torch.Tensor:
    """The parameter or buffer of that qualified name.

    Raises:
        ValueError: the model has none.
    """
    tensor = find_tensor(model, name)
    if tensor is None:
        raise ValueError(
            "the model has no tensor {!r}; give the model that the names come from".format(name)
        )
    return tensor


def find_tensor(model: nn.Module, name: str) -> Optional[torch.Tensor]:
    """The parameter or buffer of that qualified name, None if the model has none."""
    path, _, leaf = name.rpartition(".")
    try:
        module = uncompiled(model).get_submodule(path)
    except AttributeError:
        return None
    return module._parameters.get(leaf, module._buffers.get(leaf))


def rows(tensor: torch.Tensor, axis: int, indices: Sequence[Sequence[int]]) -> torch.Tensor:
    """The entries that each channel owns along an axis [channels, d]."""
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
        weight = effective(model, name)
        weight = tensor_of(model, name) if weight is None else weight
        result.append(rows(weight, part.axis, part.indices))
    return result


def norm_paths(model: nn.Module, group: Group) -> List[str]:
    """The batch norms that a group's channels run through, in order of definition."""
    paths: List[str] = []
    for part in group.slices:
        path = part.tensor.rpartition(".")[0]
        if path not in paths and isinstance(model.get_submodule(path), _BatchNorm):
            paths.append(path)
    return paths


def norms(model: nn.Module, group: Group) -> List[torch.Tensor]:
    """Per batch norm of the group [4, channels]: gamma, beta, mean, variance.

    A norm without scale counts as gamma 1 and beta 0, one without statistics as mean 0 and
    variance 1. Where a channel owns several positions their mean stands for it.
    """
    result = []
    for path in norm_paths(model, group):
        norm = _norm(model, path)
        part = next(s for s in group.slices if s.tensor.rpartition(".")[0] == path)
        vectors = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        result.append(
            torch.stack([_vector(v, default, part) for v, default in zip(vectors, (1, 0, 0, 1))])
        )
    return result


def norm_eps(model: nn.Module, group: Group) -> List[float]:
    """The epsilon of each batch norm that `norms` reports."""
    return [_norm(model, path).eps for path in norm_paths(model, group)]


def _norm(model: nn.Module, path: str) -> _BatchNorm:
    return cast(_BatchNorm, model.get_submodule(path))


def _vector(tensor: Optional[torch.Tensor], default: float, part: Slice) -> torch.Tensor:
    if tensor is None:
        return torch.full((len(part.indices),), float(default))
    return rows(tensor, 0, part.indices).mean(1)
