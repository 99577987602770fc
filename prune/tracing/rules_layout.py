"""Label rules for operations that only rearrange axes: view, permute, expand, squeeze.

The real operation, run on a tensor without data of its own, gives the shape. The labels follow
by arithmetic on blocks: a view groups axes into blocks of equal size, and inside a block the
label vector is spread out and folded again.
"""

from typing import Dict, List, Sequence

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Labelled, Vector
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.tracer import Rule, Tracer


def shaped(call: Call) -> torch.Tensor:
    """What the real operation makes of a tensor without data of its own."""
    return call.func(*call.args, **call.kwargs)


def rearranged(
    tracer: Tracer, source: Labelled, shape: Sequence[int], axes: Sequence[Vector]
) -> Labelled:
    """A view of a tensor: it shares the knowledge of being zero."""
    return tracer.emit(shape, source.dtype, axes, source.zero, source.learned)


def reshape(tracer: Tracer, call: Call) -> Labelled:
    """The rule of view, reshape, flatten and the like."""
    source = call.args[0]
    shape = tuple(shaped(call).shape)
    return rearranged(tracer, source, shape, regrouped(tracer, source, shape))


def regrouped(tracer: Tracer, source: Labelled, shape: Sequence[int]) -> List[Vector]:
    """The labels of a tensor seen under another shape."""
    axes: List[Vector] = []
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


def _block(
    tracer: Tracer, vectors: List[Vector], sizes: List[int], shape: List[int], offset: int
) -> List[Vector]:
    """The labels of one block of axes under its new shape.

    An axis of size 1 counts as a channel axis only where no longer one has labels.
    """
    named = {i: vector for i, vector in enumerate(vectors) if vector is not None}
    named = {i: vector for i, vector in named.items() if sizes[i] > 1} or dict(
        list(named.items())[:1]
    )
    if len(named) > 1:
        for vector in named.values():
            tracer.freeze_axis(vector, "is merged with another channel axis")
    if len(named) != 1 or not shape:
        for vector in named.values():
            tracer.freeze_axis(vector, "loses its axis")
        return [None] * len(shape)
    ((axis, vector),) = named.items()
    return folded(tracer, spread(vector, sizes, axis), shape, offset)


def spread(vector: np.ndarray, sizes: Sequence[int], axis: int) -> np.ndarray:
    """The label vector of an axis after merging it with its unlabelled neighbours."""
    before = int(np.multiply.reduce(sizes[:axis]))
    after = int(np.multiply.reduce(sizes[axis + 1 :]))
    if before == after == 1:
        return vector
    return np.tile(np.repeat(vector, after), before)


def folded(
    tracer: Tracer, vector: np.ndarray, shape: Sequence[int], offset: int = 0
) -> List[Vector]:
    """The labels per axis of a vector folded to a shape.

    The shape begins at axis `offset` of the result. Where labels vary along several axes, the
    other ones are tied, so that a rectangle can remain; the longest axis keeps the labels
    unless the proof asked for another choice.
    """
    if len(shape) == 1:
        return [vector]
    table = vector.reshape(shape)
    varying = [a for a in range(len(shape)) if (table != table.take([0], axis=a)).any()] or [0]
    varying.sort(key=lambda a: (-shape[a], -a))
    axis = tracer.chosen(varying, offset, len(shape))
    axes: List[Vector] = [None] * len(shape)
    axes[axis] = tracer.tie(np.moveaxis(table, axis, -1).reshape(-1, shape[axis]))
    return axes


def squeeze(tracer: Tracer, call: Call) -> Labelled:
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


def unsqueeze(tracer: Tracer, call: Call) -> Labelled:
    """Inserts an axis of size 1."""
    source, dim = call.args[0], call.bound("input dim")["dim"]
    axes = list(source.axes)
    axes.insert(dim % (source.dim() + 1), None)
    return rearranged(tracer, source, shaped(call).shape, axes)


def permute(tracer: Tracer, call: Call) -> Labelled:
    """The rule of permute, transpose, t and movedim."""
    source = call.args[0]
    # on a tensor whose sizes are all different, the result's shape tells the order of the axes
    distinct = torch.empty(1).expand(list(range(2, source.dim() + 2)))
    order = call.func(distinct, *call.args[1:], **call.kwargs).shape
    return rearranged(
        tracer, source, [source.shape[n - 2] for n in order], [source.axes[n - 2] for n in order]
    )


def expand(tracer: Tracer, call: Call) -> Labelled:
    """The rule of expand and broadcast_to: an axis that grows from 1 to n has nothing to lose."""
    source, shape = call.args[0], tuple(shaped(call).shape)
    offset = len(shape) - source.dim()
    new: List[Vector] = [None] * offset
    axes = new + [
        vector if size == shape[axis + offset] else None
        for axis, (vector, size) in enumerate(zip(source.axes, source.shape))
    ]
    for before, after in zip(source.axes, axes[offset:]):
        if after is None:
            tracer.freeze_axis(before, "is expanded")
    return rearranged(tracer, source, shape, axes)


def repeat(tracer: Tracer, call: Call) -> Labelled:
    """The rule of repeat and tile: the label vector is repeated with its axis."""
    source = call.args[0]
    shape = tuple(call.func(source.as_subclass(torch.Tensor), *call.args[1:], **call.kwargs).shape)
    offset = len(shape) - source.dim()
    new: List[Vector] = [None] * offset
    axes = new + [
        _times(v, shape[a + offset] // max(1, source.shape[a])) for a, v in enumerate(source.axes)
    ]
    return rearranged(tracer, source, shape, axes)


def repeat_interleave(tracer: Tracer, call: Call) -> Labelled:
    """Every position of an axis several times in a row, as often as one number says.

    Raises:
        ValueError: positions are repeated by a list, or without an axis.
    """
    bound = call.bound("input repeats dim")
    source, times = bound["input"], bound["repeats"]
    if not isinstance(times, int) or bound["dim"] is None:
        raise ValueError("repeated by a list, or flattened")
    axis, shape, axes = bound["dim"] % source.dim(), list(source.shape), list(source.axes)
    vector, shape[axis] = axes[axis], shape[axis] * times
    axes[axis] = None if vector is None else np.repeat(vector, times)
    return tracer.emit(shape, source.dtype, axes, source.zero[0], source.learned)


def _times(vector: Vector, times: int) -> Vector:
    return vector if vector is None or times == 1 else np.tile(vector, times)


_VIEWS = "view reshape flatten unflatten view_as reshape_as"
_TURNS = "permute transpose t swapaxes swapdims movedim moveaxis get:T get:mT"
_GROWTHS = "expand expand_as broadcast_to"
_REPEATS = "repeat tile"

RULES: Dict[str, Rule] = dict.fromkeys(_VIEWS.split(), reshape)
RULES.update(dict.fromkeys(_TURNS.split(), permute))
RULES.update(dict.fromkeys(_GROWTHS.split(), expand))
RULES.update(dict.fromkeys(_REPEATS.split(), repeat))
RULES["repeat_interleave"] = repeat_interleave
RULES.update({"squeeze": squeeze, "unsqueeze": unsqueeze})

# their arguments are sizes: labels and shapes of the result tell all
SHAPED = frozenset((_VIEWS + " " + _GROWTHS + " " + _REPEATS).split())
