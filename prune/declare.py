"""Groups declared by hand, for networks whose channels no trace can follow.

A declaration is trusted for what belongs together, not for what comes out: the cut is returned
only if the shrunk model computes the masked model's numbers, in float64, on the example.
"""

from typing import Iterable, List, Mapping, Sequence, Tuple, Union

from torch import nn

from edgejoule.prune.groups import Group, Groups, Slice, Unit, tensor_of

Axis = Union[str, Tuple[str, int]]
VECTORS = ("weight", "bias", "running_mean", "running_var")


def declared(model: nn.Module, table: Mapping[str, Sequence[Axis]]) -> Groups:
    """Groups from {name: axes}: the first axis says how many channels there are.

    An axis is (tensor name, axis), or the path of a norm, for all its vectors. An axis k times
    as long as the first gives every channel k neighbouring positions (flattened pixels).
    """
    groups = Groups(_group(model, name, list(_axes(model, axes))) for name, axes in table.items())
    groups.proof = "values"
    return groups


def override(found: Sequence[Group], declared: Sequence[Group]) -> Groups:
    """Found groups with those that share a channel with a declared one replaced by the declared
    ones.
    """
    taken = {place for group in declared for place in _places(group)}
    left = [group for group in found if not taken.intersection(_places(group))]
    groups = Groups(left + list(declared), getattr(found, "whole", ()))
    groups.proof = "values"
    return groups


def _places(group: Group) -> List[tuple]:
    return [
        (part.tensor, part.axis, position)
        for part in group.slices
        for owned in part.indices
        for position in owned
    ]


def _axes(model: nn.Module, axes: Sequence[Axis]) -> Iterable[Tuple[str, int, int]]:
    """(tensor, axis, size) of everything a declaration names."""
    for entry in axes:
        names = (
            [(entry + "." + leaf, 0) for leaf in VECTORS]
            if isinstance(entry, str)
            else [tuple(entry)]
        )
        sizes = [(name, axis, _size(model, name, axis)) for name, axis in names]
        present = [each for each in sizes if each[2] is not None]
        if not present:
            raise ValueError("declared: the model has no {!r}".format(entry))
        for each in present:
            yield each


def _size(model: nn.Module, name: str, axis: int):
    try:
        tensor = tensor_of(model, name)
    except (KeyError, AttributeError):
        return None
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
        if axis == 0 and tensor_of(model, tensor).dim() > 1:
            path, _, leaf = tensor.rpartition(".")
            units.append(Unit(path, None, "" if leaf == "weight" else tensor))
    return Group(name, channels, tuple(slices), tuple(units))
