"""Label rules for operations that only rearrange axes: view, permute, expand, squeeze and their
kin.

Real operations run on the storage-free tensor give the shape; labels follow by block
arithmetic: a view groups axes into blocks of equal size, and inside a block the label vector is
spread out and folded again.
"""

from typing import List, Optional, Sequence, Tuple

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Call, Labelled


def shaped(call: Call) -> torch.Tensor:
    """What the real operation makes of the storage-free tensor."""
    return call.func(*call.args, **call.kwargs)


def rearranged(tracer, source: Labelled, shape, axes) -> Labelled:
    """A view of a tensor: it shares the knowledge of being zero."""
    return tracer.emit(shape, source.dtype, axes, source.zero, source.learned)


def reshape(tracer, call: Call) -> Labelled:
    """view, reshape, flatten and the like."""
    source = call.args[0]
    shape = tuple(shaped(call).shape)
    return rearranged(tracer, source, shape, regrouped(tracer, source, shape))


def regrouped(tracer, source: Labelled, shape: Sequence[int]) -> list:
    """The labels of a tensor seen under another shape."""
    axes: List[Optional[np.ndarray]] = []
    for inner, outer in tracer.blocks(tuple(source.shape), tuple(shape)):
        axes.extend(
            _block(
                tracer,
                [source.axes[i] for i in inner],
                [source.shape[i] for i in inner],
                [shape[i] for i in outer],
                len(axes),
            )
        )
    return axes


def blocks(before: Sequence[int], after: Sequence[int]) -> List[Tuple[List[int], List[int]]]:
    """The smallest runs of axes with equal products, left to right; sizes of 1 at the end join
    the last run.
    """
    result, i, j = [], 0, 0
    while i < len(before) and j < len(after):
        inner, outer, left, right = [i], [j], before[i], after[j]
        i, j = i + 1, j + 1
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
                inner.append(i - 1)
            else:
                right, j = right * after[j], j + 1
                outer.append(j - 1)
        result.append((inner, outer))
    if not result:
        return [(list(range(len(before))), list(range(len(after))))]
    result[-1][0].extend(range(i, len(before)))
    result[-1][1].extend(range(j, len(after)))
    return result


def _block(tracer, vectors, sizes, shape, offset: int) -> list:
    named = [i for i, vector in enumerate(vectors) if vector is not None and sizes[i] > 1]
    named = named or [i for i, vector in enumerate(vectors) if vector is not None][:1]
    if len(named) > 1:
        for index in named:
            tracer.freeze_axis(vectors[index], "is merged with another channel axis")
    if len(named) != 1 or not shape:
        for index in named:
            tracer.freeze_axis(vectors[index], "loses its axis")
        return [None] * len(shape)
    return folded(tracer, spread(vectors[named[0]], sizes, named[0]), shape, offset)


def spread(vector: np.ndarray, sizes: Sequence[int], axis: int) -> np.ndarray:
    """The label vector of an axis after merging it with its unlabelled neighbours."""
    before, after = (
        int(np.multiply.reduce(sizes[:axis])),
        int(np.multiply.reduce(sizes[axis + 1 :])),
    )
    if before == after == 1:
        return vector
    return np.tile(np.repeat(vector, after), before)


def folded(tracer, vector: np.ndarray, shape: Sequence[int], offset: int = 0) -> list:
    """The labels per axis of a vector folded to a shape, which begins at axis `offset` of the
    result.

    Where they vary along several axes, the other ones are tied, so that a rectangle can remain;
    the longest axis keeps the labels unless the proof asked for another choice.
    """
    if len(shape) == 1:
        return [vector]
    table = vector.reshape(shape)
    varying = [a for a in range(len(shape)) if (table != table.take([0], axis=a)).any()] or [0]
    varying.sort(key=lambda a: (-shape[a], -a))
    axis = tracer.chosen(varying, offset, len(shape))
    axes = [None] * len(shape)
    axes[axis] = tracer.tie(np.moveaxis(table, axis, -1).reshape(-1, shape[axis]))
    return axes


def squeeze(tracer, call: Call) -> Labelled:
    """Drops axes of size 1, with the label that one may have: it is the only one left."""
    source, dims = call.args[0], call.bound("input dim")["dim"]
    shape = shaped(call).shape
    if dims is None:
        dims = [axis for axis, size in enumerate(source.shape) if size == 1]
    dims = {d % source.dim() for d in ([dims] if isinstance(dims, int) else dims)}
    gone = [axis for axis in sorted(dims) if source.shape[axis] == 1]
    return rearranged(
        tracer, source, shape, [v for a, v in enumerate(source.axes) if a not in gone]
    )


def unsqueeze(tracer, call: Call) -> Labelled:
    """Inserts an axis of size 1."""
    source, dim = call.args[0], call.bound("input dim")["dim"]
    axes = list(source.axes)
    axes.insert(dim % (source.dim() + 1), None)
    return rearranged(tracer, source, shaped(call).shape, axes)


def permute(tracer, call: Call) -> Labelled:
    """permute, transpose, t, movedim: found out on a tensor whose sizes are all different."""
    source = call.args[0]
    order = call.func(
        torch.empty(1).expand(list(range(2, source.dim() + 2))), *call.args[1:], **call.kwargs
    ).shape
    return rearranged(
        tracer, source, [source.shape[n - 2] for n in order], [source.axes[n - 2] for n in order]
    )


def expand(tracer, call: Call) -> Labelled:
    """expand and broadcast_to: an axis that grows from 1 to n has nothing to lose."""
    source, shape = call.args[0], tuple(shaped(call).shape)
    offset = len(shape) - source.dim()
    axes = [None] * offset + [
        vector if size == shape[axis + offset] else None
        for axis, (vector, size) in enumerate(zip(source.axes, source.shape))
    ]
    for before, after in zip(source.axes, axes[offset:]):
        if after is None:
            tracer.freeze_axis(before, "is expanded")
    return rearranged(tracer, source, shape, axes)


def repeat(tracer, call: Call) -> Labelled:
    """repeat and tile: the label vector is repeated with its axis."""
    source = call.args[0]
    shape = tuple(call.func(source.as_subclass(torch.Tensor), *call.args[1:], **call.kwargs).shape)
    offset = len(shape) - source.dim()
    axes = [None] * offset + [
        _times(v, shape[a + offset] // max(1, source.shape[a])) for a, v in enumerate(source.axes)
    ]
    return rearranged(tracer, source, shape, axes)


def _times(vector: Optional[np.ndarray], times: int) -> Optional[np.ndarray]:
    return vector if vector is None or times == 1 else np.tile(vector, times)


RULES = dict.fromkeys(["view", "reshape", "flatten", "unflatten", "view_as", "reshape_as"], reshape)
RULES.update(
    dict.fromkeys(
        [
            "permute",
            "transpose",
            "t",
            "swapaxes",
            "swapdims",
            "movedim",
            "moveaxis",
            "get:T",
            "get:mT",
        ],
        permute,
    )
)
RULES.update(dict.fromkeys(["expand", "expand_as", "broadcast_to"], expand))
RULES.update({"squeeze": squeeze, "unsqueeze": unsqueeze, "repeat": repeat, "tile": repeat})

# their arguments are sizes: labels and shapes of the result tell all
SHAPED = frozenset(
    [
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "view_as",
        "reshape_as",
        "expand",
        "expand_as",
        "broadcast_to",
        "repeat",
        "tile",
    ]
)
