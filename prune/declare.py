"""Groups declared by hand, for networks whose channels can't be followed by running them.

A declaration is trusted for what belongs together, not for what comes out: the cut is returned
only if the shrunk model computes the masked model's numbers, in float64, on the example.
"""

from typing import Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from torch import nn

from edgejoule.prune.groups import Group, Groups, Slice, Unit, find_tensor, tensor_of

Axis = Union[str, Tuple[str, int]]
VECTORS = ("weight", "bias", "running_mean", "running_var")


def declared(model: nn.Module, table: Mapping[str, Sequence[Axis]]) -> Groups:
    """Groups from {name: axes}: the first axis says how many channels there are.

    An axis is (tensor name, axis), or the path of a norm, for all its vectors. An axis k times
    as long as the first gives every channel k neighbouring positions (flattened pixels).

    Raises:
        ValueError: the model has no such tensor or norm, or an axis doesn't divide.
    """
    groups = Groups(_group(model, name, list(_axes(model, axes))) for name, axes in table.items())
    groups.proof = "values"
    return groups


def override(found: Sequence[Group], declared: Sequence[Group]) -> Groups:
    """The declared groups, and the found ones that share no channel with them."""
    taken = {place for group in declared for place in _places(group)}
    left = [group for group in found if not taken.intersection(_places(group))]
    whole, recording = (found.whole, found.recording) if isinstance(found, Groups) else ((), None)
    groups = Groups(left + list(declared), whole, recording)
    groups.proof = "values"
    return groups


def _places(group: Group) -> List[Tuple[str, int, int]]:
    return [
        (part.tensor, part.axis, position)
        for part in group.slices
        for owned in part.indices
        for position in owned
    ]


def _axes(model: nn.Module, axes: Sequence[Axis]) -> Iterator[Tuple[str, int, int]]:
    """(tensor, axis, size) of everything a declaration names."""
    for entry in axes:
        present = False
        for name, axis in _named(entry):
            size = _size(model, name, axis)
            if size is not None:  # a norm need not have all vectors
                present = True
                yield name, axis, size
        if not present:
            raise ValueError("declared: the model has no {!r}".format(entry))


def _named(entry: Axis) -> List[Tuple[str, int]]:
    """The (tensor, axis) that an entry of a declaration stands for."""
    if isinstance(entry, str):
        return [(entry + "." + leaf, 0) for leaf in VECTORS]
    name, axis = entry
    return [(name, axis)]


def _size(model: nn.Module, name: str, axis: int) -> Optional[int]:
    tensor = find_tensor(model, name)
    return None if tensor is None or axis >= tensor.dim() else tensor.shape[axis]


def _group(model: nn.Module, name: str, axes: List[Tuple[str, int, int]]) -> Group:
    channels = axes[0][2]
    slices, units = [], []
    for tensor, axis, size in axes:
        if size % channels:
            raise ValueError(
                "declared group {!r}: {!r} has {} positions on axis {}, no multiple of {}".format(
                    name, tensor, size, axis, channels
                )
            )
        each = size // channels
        slices.append(
            Slice(
                tensor,
                axis,
                tuple(tuple(range(c * each, c * each + each)) for c in range(channels)),
            )
        )
        if axis == 0 and tensor_of(model, tensor).dim() > 1:  # rows of a weight make channels
            path, _, leaf = tensor.rpartition(".")
            units.append(Unit(path, None, "" if leaf == "weight" else tensor))
    return Group(name, channels, tuple(slices), tuple(units))
