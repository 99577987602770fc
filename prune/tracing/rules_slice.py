"""Label rules for taking tensors apart and putting them together: slices, chunk, split, cat,
stack, index_select.
"""

from typing import List, Optional

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Call, Labelled, axes_of
from edgejoule.prune.tracing.labels import CONSTANT
from edgejoule.prune.tracing.rules_elementwise import meet
from edgejoule.prune.tracing.rules_layout import rearranged, shaped


def getitem(tracer, call: Call) -> Labelled:
    """x[...]: slices keep the sliced labels; picking single channels freezes them."""
    source, index = call.args
    index = index if isinstance(index, tuple) else (index,)
    if any(isinstance(item, (list, torch.Tensor, np.ndarray, bool)) for item in index):
        return gathered(tracer, call, index)
    axes = []
    for axis, item in _aligned(index, source.dim()):
        if axis is None:
            axes.append(None)
        elif isinstance(item, slice):
            axes.append(sliced(tracer, source.axes[axis], item, source.shape[axis]))
        else:
            tracer.note(axis, item)
            tracer.freeze_axis(source.axes[axis], "has single channels picked by number")
    return rearranged(tracer, source, shaped(call).shape, axes)


def _aligned(index: tuple, rank: int) -> list:
    """(axis, item) per element of an index, Ellipsis and missing slices filled in; axis None =
    a new axis.
    """
    used = sum(item is not None and item is not Ellipsis for item in index)
    full = [slice(None)] * (rank - used)
    if Ellipsis in index:
        place = index.index(Ellipsis)
        items = list(index[:place]) + full + list(index[place + 1 :])
    else:
        items = list(index) + full
    result, axis = [], 0
    for item in items:
        result.append((None if item is None else axis, item))
        axis += item is not None
    return result


def sliced(tracer, vector: Optional[np.ndarray], window: slice, size: int) -> Optional[np.ndarray]:
    """The labels in a window; where the axis falls into equal windows, these are tied so that
    halves stay halves.
    """
    start, stop, step = window.indices(size)
    if vector is None:  # pixels: a smaller model must take the same
        tracer.note(start, stop, step)
        return None
    length = stop - start
    if (start, stop, step) == (0, vector.size, 1):
        return vector
    if step == 1 and length > 0 and vector.size % length == 0 and start % length == 0:
        tracer.tie(vector.reshape(-1, length))
    return np.ascontiguousarray(vector[start:stop:step])


def gathered(tracer, call: Call, index: tuple) -> Labelled:
    """x[tensor]: the picked axis is frozen; a single 1-d index on one axis passes its own
    labels on.
    """
    source = call.args[0]
    if any(getattr(item, "dtype", None) in (torch.bool, torch.uint8) for item in index):
        tracer.refuse("picks entries by a mask, so that its sizes depend on the data")
    tensors = [
        (axis, item)
        for axis, item in _aligned(index, source.dim())
        if not (isinstance(item, slice) and item == slice(None))
    ]
    if (
        len(tensors) == 1
        and isinstance(tensors[0][1], torch.Tensor)
        and tensors[0][1].dim() == 1
        and tensors[0][1].dtype == torch.long
    ):
        return selected(tracer, source, tensors[0][0], tensors[0][1])
    raise ValueError("indexed by several tensors or by a mask")


def index_select(tracer, call: Call) -> Labelled:
    """index_select(x, dim, index)."""
    bound = call.bound("input dim index")
    return selected(tracer, bound["input"], bound["dim"] % bound["input"].dim(), bound["index"])


def selected(tracer, source: Labelled, axis: int, index: torch.Tensor) -> Labelled:
    """Channels picked by an index: what they are picked from stays whole, entries of an index
    buffer may leave.

    An index can't be zeroed, so a removed entry is no zero here.
    """
    if type(index) is Labelled and not index.solid:
        raise ValueError("indexed by computed values")
    tracer.freeze_axis(source.axes[axis], "is read through an index")
    shape, axes = list(source.shape), list(source.axes)
    shape[axis], axes[axis] = index.numel(), axes_of(index)[0]
    tracer.produce(axes[axis])
    return tracer.emit(shape, source.dtype, axes, False, source.learned)


def narrow(tracer, call: Call) -> Labelled:
    """narrow(x, dim, start, length)."""
    bound = call.bound("input dim start length")
    source, axis = bound["input"], bound["dim"] % bound["input"].dim()
    axes = list(source.axes)
    window = slice(bound["start"], bound["start"] + bound["length"])
    axes[axis] = sliced(tracer, axes[axis], window, source.shape[axis])
    return rearranged(tracer, source, shaped(call).shape, axes)


def select(tracer, call: Call) -> Labelled:
    """select(x, dim, index): one channel picked by number."""
    bound = call.bound("input dim index")
    source, axis = bound["input"], bound["dim"] % bound["input"].dim()
    tracer.note(axis, bound["index"])
    tracer.freeze_axis(source.axes[axis], "has single channels picked by number")
    return rearranged(
        tracer, source, shaped(call).shape, source.axes[:axis] + source.axes[axis + 1 :]
    )


def pieces(tracer, call: Call):
    """chunk, split, tensor_split: pieces of equal size are tied."""
    source, dim = call.args[0], _dim(call)
    parts, axis, start = shaped(call), dim % call.args[0].dim(), 0
    sizes, vector = [part.shape[axis] for part in parts], source.axes[axis]
    if vector is None:
        tracer.note(*sizes)
    elif len(set(sizes)) == 1:
        tracer.tie(vector.reshape(len(sizes), -1))
    result = []
    for part, size in zip(parts, sizes):
        axes = list(source.axes)
        axes[axis] = None if vector is None else np.ascontiguousarray(vector[start : start + size])
        result.append(rearranged(tracer, source, part.shape, axes))
        start += size
    return tuple(result)


def _dim(call: Call) -> int:
    return call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else 0)


def unbind(tracer, call: Call):
    """unbind(x, dim): the axis disappears, so its labels are frozen."""
    source = call.args[0]
    axis = (call.bound("input dim")["dim"] or 0) % source.dim()
    tracer.freeze_axis(source.axes[axis], "is unbound")
    axes = source.axes[:axis] + source.axes[axis + 1 :]
    return tuple(rearranged(tracer, source, part.shape, axes) for part in shaped(call))


def cat(tracer, call: Call) -> Labelled:
    """cat: label vectors one after the other; a piece without labels is constant."""
    parts = list(call.args[0] if call.args else call.kwargs["tensors"])
    dim = call.kwargs.get("dim", call.kwargs.get("axis", call.args[1] if len(call.args) > 1 else 0))
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


def _without(tracer, part: torch.Tensor, axis: int) -> Labelled:
    """The tensor with size 1 on an axis: what the parts of a cat share."""
    shape, axes = list(part.shape), list(axes_of(part))
    shape[axis], axes[axis] = 1, None
    return tracer.emit(shape, part.dtype, axes)


def _dtype(parts: List[torch.Tensor]) -> torch.dtype:
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = torch.promote_types(dtype, part.dtype)
    return dtype


def _all_zero(parts: List[torch.Tensor]) -> bool:
    """Removed channels are zero in every part that has any."""
    return all(
        part.zero[0]
        for part in parts
        if type(part) is Labelled and any(vector is not None for vector in part.axes)
    )


def glu(tracer, call: Call) -> Labelled:
    """glu: half of the channels gate the other half, so the halves are tied."""
    source = call.args[0]
    axis = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else -1) % source.dim()
    shape, axes = list(source.shape), list(source.axes)
    shape[axis] //= 2
    if axes[axis] is not None:
        axes[axis] = tracer.tie(axes[axis].reshape(2, -1))
    return tracer.emit(shape, source.dtype, axes, source.zero[0])


def stack(tracer, call: Call) -> Labelled:
    """stack: the parts meet position by position, a new axis is born."""
    parts = list(call.args[0] if call.args else call.kwargs["tensors"])
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else 0)
    shape, axes = meet(tracer, parts)
    axis = dim % (len(shape) + 1)
    shape.insert(axis, len(parts))
    axes.insert(axis, None)
    return tracer.emit(shape, _dtype(parts), axes, _all_zero(parts))


def setitem(tracer, call: Call) -> Labelled:
    """The region that x[...] = y writes to, where it meets the value; only plain slices are
    known.
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


def flip(tracer, call: Call) -> Labelled:
    """flip: the labels are reversed with their axis."""
    source, dims = call.args[0], call.args[1:] or call.kwargs["dims"]
    dims = dims[0] if isinstance(dims[0], (tuple, list)) else dims
    turned = {dim % source.dim() for dim in dims}
    axes = [
        v[::-1].copy() if v is not None and a in turned else v for a, v in enumerate(source.axes)
    ]
    return tracer.emit(source.shape, source.dtype, axes, source.zero[0], source.learned)


def roll(tracer, call: Call) -> Labelled:
    """roll: free along unlabelled axes; a shift of channels is a fixed number, so they are
    frozen.
    """
    source, dims = call.args[0], call.bound("input shifts dims")["dims"]
    dims = range(source.dim()) if dims is None else ([dims] if isinstance(dims, int) else dims)
    for dim in dims:
        tracer.freeze_axis(source.axes[dim], "is rolled along its channels")
    return tracer.emit(source.shape, source.dtype, source.axes, source.zero[0], source.learned)


RULES = {
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

SHAPED = frozenset(
    ["getitem", "setitem", "narrow", "select", "chunk", "split", "split_with_sizes", "tensor_split"]
)
