"""Label rules for taking tensors apart and putting them together.

Slices, chunk and split; cat and stack; picking by an index.
"""

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Labelled, Vector, axes_of
from edgejoule.prune.tracing.labels import CONSTANT
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.rules_elementwise import meet
from edgejoule.prune.tracing.rules_layout import rearranged, shaped
from edgejoule.prune.tracing.tracer import Rule, Tracer


def getitem(tracer: Tracer, call: Call) -> Labelled:
    """x[...]: slices keep the sliced labels; picking single channels freezes them."""
    source, index = call.args
    index = index if isinstance(index, tuple) else (index,)
    if any(isinstance(item, (list, torch.Tensor, np.ndarray, bool)) for item in index):
        return gathered(tracer, call, index)
    axes: List[Vector] = []
    for axis, item in _aligned(index, source.dim()):
        if axis is None:
            axes.append(None)
        elif isinstance(item, slice):
            axes.append(sliced(tracer, source.axes[axis], item, source.shape[axis]))
        else:
            tracer.note(axis, item)
            tracer.freeze_axis(source.axes[axis], "has single channels picked by number")
    return rearranged(tracer, source, shaped(call).shape, axes)


def _aligned(index: tuple, rank: int) -> List[Tuple[Optional[int], object]]:
    """(axis, item) per element of an index, Ellipsis and missing slices filled in.

    Axis None is a new axis.
    """
    used = sum(item is not None and item is not Ellipsis for item in index)
    full = [slice(None)] * (rank - used)
    if Ellipsis in index:
        place = index.index(Ellipsis)
        items = list(index[:place]) + full + list(index[place + 1 :])
    else:
        items = list(index) + full
    result: List[Tuple[Optional[int], object]] = []
    axis = 0
    for item in items:
        result.append((None if item is None else axis, item))
        axis += item is not None
    return result


def sliced(tracer: Tracer, vector: Vector, window: slice, size: int) -> Vector:
    """The labels in a window of an axis of this size.

    Where the axis falls into equal windows, these are tied, so that halves stay halves.
    """
    start, stop, step = window.indices(size)
    if vector is None:  # pixels: a smaller model must take the same
        tracer.note(start, stop, step)
        return None
    length = stop - start
    if (start, stop, step) == (0, vector.size, 1):
        return vector
    if step == 1 and length > 0 and vector.size % length == 0 and start % length == 0:
        tracer.align(vector.reshape(-1, length))
    return np.ascontiguousarray(vector[start:stop:step])


def gathered(tracer: Tracer, call: Call, index: tuple) -> Labelled:
    """x[tensor]: what a single 1-d index picks along one axis has the index's labels."""
    source = call.args[0]
    if any(getattr(item, "dtype", None) in (torch.bool, torch.uint8) for item in index):
        tracer.refuse("picks entries by a mask, so that its sizes depend on the data")
    items = [
        (axis, item)
        for axis, item in _aligned(index, source.dim())
        if not (isinstance(item, slice) and item == slice(None))
    ]
    if len(items) == 1:
        axis, item = items[0]
        if (
            axis is not None
            and isinstance(item, torch.Tensor)
            and item.dim() == 1
            and item.dtype == torch.long
        ):
            return picked(tracer, source, axis, item)
    raise ValueError("indexed by several tensors or by a mask")


def index_select(tracer: Tracer, call: Call) -> Labelled:
    """The rule of torch.index_select."""
    bound = call.bound("input dim index")
    return picked(tracer, bound["input"], bound["dim"] % bound["input"].dim(), bound["index"])


def picked(tracer: Tracer, source: Labelled, axis: int, index: torch.Tensor) -> Labelled:
    """Channels read through an index: entries of an index buffer may leave.

    What they are read from stays whole. An index can't be zeroed, so a removed entry is no zero
    in the result.
    """
    if type(index) is Labelled and not index.solid:
        raise ValueError("indexed by computed values")
    tracer.freeze_axis(source.axes[axis], "is read through an index")
    shape, axes = list(source.shape), list(source.axes)
    shape[axis], axes[axis] = index.numel(), axes_of(index)[0]
    tracer.produce(axes[axis])
    return tracer.emit(shape, source.dtype, axes, False, source.learned)


def narrow(tracer: Tracer, call: Call) -> Labelled:
    """The rule of torch.narrow: a slice given by start and length."""
    bound = call.bound("input dim start length")
    source, axis = bound["input"], bound["dim"] % bound["input"].dim()
    axes = list(source.axes)
    window = slice(bound["start"], bound["start"] + bound["length"])
    axes[axis] = sliced(tracer, axes[axis], window, source.shape[axis])
    return rearranged(tracer, source, shaped(call).shape, axes)


def select(tracer: Tracer, call: Call) -> Labelled:
    """The rule of torch.select: one channel picked by number."""
    bound = call.bound("input dim index")
    source, axis = bound["input"], bound["dim"] % bound["input"].dim()
    tracer.note(axis, bound["index"])
    tracer.freeze_axis(source.axes[axis], "has single channels picked by number")
    return rearranged(
        tracer, source, shaped(call).shape, source.axes[:axis] + source.axes[axis + 1 :]
    )


def pieces(tracer: Tracer, call: Call) -> Tuple[Labelled, ...]:
    """The rule of chunk, split and tensor_split: pieces of equal size are tied."""
    source, dim = call.args[0], _dim(call)
    axis, start = dim % source.dim(), 0
    shapes = [part.shape for part in shaped(call)]
    sizes, vector = [shape[axis] for shape in shapes], source.axes[axis]
    if vector is None:
        tracer.note(*sizes)
    elif len(set(sizes)) == 1:
        tracer.align(vector.reshape(len(sizes), -1))
    result = []
    for shape, size in zip(shapes, sizes):
        axes = list(source.axes)
        axes[axis] = None if vector is None else np.ascontiguousarray(vector[start : start + size])
        result.append(rearranged(tracer, source, shape, axes))
        start += size
    return tuple(result)


def _dim(call: Call) -> int:
    return call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else 0)


def unbind(tracer: Tracer, call: Call) -> Tuple[Labelled, ...]:
    """The rule of torch.unbind: the axis disappears, so its labels are frozen."""
    source = call.args[0]
    axis = (call.bound("input dim")["dim"] or 0) % source.dim()
    tracer.freeze_axis(source.axes[axis], "is unbound")
    axes = source.axes[:axis] + source.axes[axis + 1 :]
    return tuple(rearranged(tracer, source, part.shape, axes) for part in shaped(call))


def cat(tracer: Tracer, call: Call) -> Labelled:
    """cat: label vectors one after the other; a piece without labels is constant."""
    parts = list(call.args[0] if call.args else call.kwargs["tensors"])
    dim = call.kwargs.get("dim", call.kwargs.get("axis", call.args[1] if len(call.args) > 1 else 0))
    # torch lets an empty one-dimensional tensor stand for nothing, whatever the others' rank
    parts = [part for part in parts if part.dim() > 1 or part.numel() > 0]
    axis = dim % parts[0].dim()
    shape, axes = meet(tracer, [_without(tracer, part, axis) for part in parts])
    shape[axis] = sum(part.shape[axis] for part in parts)
    vectors = [axes_of(part)[axis] for part in parts]
    if any(vector is not None for vector in vectors):
        axes[axis] = np.concatenate(
            [
                np.full(part.shape[axis], CONSTANT) if vector is None else vector
                for part, vector in zip(parts, vectors)
            ]
        )
    return tracer.emit(shape, _dtype(parts), axes, _all_zero(parts))


def _without(tracer: Tracer, part: torch.Tensor, axis: int) -> Labelled:
    """The tensor with size 1 on an axis: what the parts of a cat share."""
    shape, axes = list(part.shape), list(axes_of(part))
    shape[axis], axes[axis] = 1, None
    return tracer.emit(shape, part.dtype, axes)


def _dtype(parts: Sequence[torch.Tensor]) -> torch.dtype:
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = torch.promote_types(dtype, part.dtype)
    return dtype


def _all_zero(parts: Sequence[torch.Tensor]) -> bool:
    """Whether removed channels are zero in every part that has any."""
    return all(
        part.zero[0]
        for part in parts
        if type(part) is Labelled and any(vector is not None for vector in part.axes)
    )


def glu(tracer: Tracer, call: Call) -> Labelled:
    """glu: half of the channels gate the other half, so the halves are tied."""
    source = call.args[0]
    axis = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else -1) % source.dim()
    shape, axes = list(source.shape), list(source.axes)
    shape[axis] //= 2
    if axes[axis] is not None:
        axes[axis] = tracer.tie(axes[axis].reshape(2, -1))
    return tracer.emit(shape, source.dtype, axes, source.zero[0])


def stack(tracer: Tracer, call: Call) -> Labelled:
    """stack: the parts meet position by position, a new axis is born."""
    parts = list(call.args[0] if call.args else call.kwargs["tensors"])
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else 0)
    shape, axes = meet(tracer, parts)
    axis = dim % (len(shape) + 1)
    shape.insert(axis, len(parts))
    axes.insert(axis, None)
    return tracer.emit(shape, _dtype(parts), axes, _all_zero(parts))


def setitem(tracer: Tracer, call: Call) -> Labelled:
    """The region that x[...] = y writes to, where it meets the value.

    Only plain slices are known.
    """
    target, index, value = call.args
    if type(target) is not Labelled:
        raise ValueError("an unlabelled tensor is written to")
    region = getitem(tracer, Call(torch.Tensor.__getitem__, (target, index), {}))
    if isinstance(value, torch.Tensor):
        meet(tracer, [region, value])
        target.zero[0] = target.zero[0] and type(value) is Labelled and value.zero[0]
    else:
        tracer.note(value)
        target.zero[0] = target.zero[0] and value == 0
    return region


def flip(tracer: Tracer, call: Call) -> Labelled:
    """flip: the labels are reversed with their axis."""
    source, dims = call.args[0], call.args[1:] or call.kwargs["dims"]
    dims = dims[0] if isinstance(dims[0], (tuple, list)) else dims
    turned = {dim % source.dim() for dim in dims}
    axes = [
        v[::-1].copy() if v is not None and a in turned else v for a, v in enumerate(source.axes)
    ]
    return tracer.emit(source.shape, source.dtype, axes, source.zero[0], source.learned)


def roll(tracer: Tracer, call: Call) -> Labelled:
    """roll: free along unlabelled axes.

    A shift of channels is a fixed number, so they are frozen.
    """
    source, dims = call.args[0], call.bound("input shifts dims")["dims"]
    dims = range(source.dim()) if dims is None else ([dims] if isinstance(dims, int) else dims)
    for dim in dims:
        tracer.freeze_axis(source.axes[dim], "is rolled along its channels")
    return tracer.emit(source.shape, source.dtype, source.axes, source.zero[0], source.learned)


RULES: Dict[str, Rule] = {
    "getitem": getitem,
    "setitem": setitem,
    "index_select": index_select,
    "narrow": narrow,
    "select": select,
    "chunk": pieces,
    "split": pieces,
    "split_with_sizes": pieces,
    "tensor_split": pieces,
    "unbind": unbind,
    "cat": cat,
    "concat": cat,
    "concatenate": cat,
    "stack": stack,
    "glu": glu,
    "flip": flip,
    "roll": roll,
}

# their arguments are positions: labels and shapes of the result tell all, and `note` the rest
SHAPED = frozenset(
    ["getitem", "setitem", "narrow", "select", "chunk", "split", "split_with_sizes", "tensor_split"]
)
