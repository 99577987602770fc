"""Label rules for normalisations, reductions and everything that looks along the channels.

A batch norm treats every channel alone. A mean, maximum or softmax over channels, a LayerNorm
and a GroupNorm don't: a removed channel would still be counted, so their channels stay whole.
Sums and p-norms of zeros count nothing.
"""

from typing import Any, Callable, Dict, Sequence

import torch

from edgejoule.prune.tracing.labelled import Labelled, axes_of, is_zero
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.rules_elementwise import elementwise
from edgejoule.prune.tracing.tracer import Rule, Tracer

_ALONG = "softmax log_softmax softmin cumsum cumprod"
_REDUCTIONS = "mean sum max min amax amin norm std var prod argmax argmin logsumexp all any median"
_COUNT_NOTHING = frozenset(("sum", "norm"))  # zeros more or less don't change their result
# zeros give zero, where they run over other axes than the channels
_KEEP_ZERO = frozenset(["sum", "mean", "norm", "max", "min", "amax", "amin", "cumsum"])


def batch_norm(tracer: Tracer, call: Call) -> Labelled:
    """batch_norm and instance_norm: per-channel vectors leave with their channel."""
    source, vectors = call.args[0], list(call.tensors()[1:])
    for axis, vector in enumerate(source.axes):
        if axis != 1:
            tracer.freeze_axis(vector, "is averaged over by a normalisation")
    axes = list(source.axes)
    named = []
    for vector in (axes_of(tensor)[0] for tensor in vectors):
        tracer.unify(axes[1], vector, "is normalised by vectors of fixed size")
        axes[1] = vector if axes[1] is None else axes[1]
        if vector is not None:
            named.append(vector)
    affine = _affine(call)
    if named and call.name == "batch_norm":
        tracer.follow(source.source, tracer.labels.owner(int(named[0][0]))[0].rpartition(".")[0])
    return tracer.emit(source.shape, source.dtype, axes, affine or source.zero[0])


def _affine(call: Call) -> bool:
    """Whether a scale and a shift that the mask makes zero decide what comes out."""
    names = "input running_mean running_var weight bias"
    bound = call.bound("input num_groups weight bias" if call.name == "group_norm" else names)
    return is_zero(bound["weight"]) and is_zero(bound["bias"])


def weight_norm(tracer: Tracer, call: Call) -> Labelled:
    """A weight of direction v and length g: zeros in either are zeros in it, and count nothing."""
    direction, length, axis = call.args if len(call.args) == 3 else call.args + (0,)
    if axis >= 0:
        tracer.unify(
            axes_of(direction)[axis], axes_of(length)[axis], "has lengths of a fixed number"
        )
    zero = is_zero(direction) and is_zero(length)
    return tracer.emit(direction.shape, direction.dtype, axes_of(direction), zero, learned=True)


def layer_norm(tracer: Tracer, call: Call) -> Labelled:
    """layer_norm and rms_norm: the normalised axes stay whole."""
    source, shape = call.args[0], call.bound("input normalized_shape")["normalized_shape"]
    for vector in source.axes[source.dim() - len(shape) :]:
        tracer.freeze_axis(vector, "is averaged over by {}".format(call.name))
    for tensor in call.tensors()[1:]:
        tracer.freeze(tensor, "belongs to {} over whole channels".format(call.name))
    return tracer.emit(source.shape, source.dtype, source.axes)


def group_norm(tracer: Tracer, call: Call) -> Labelled:
    """group_norm: channels of a group are averaged together, so they stay whole.

    A group for every channel is an instance norm, and leaves with its channel.
    """
    source = call.args[0]
    if per_channel(call):
        return batch_norm(tracer, call)
    for tensor in call.tensors():
        tracer.freeze(tensor, "is averaged over by group_norm")
    return tracer.emit(source.shape, source.dtype, source.axes)


def per_channel(call: Call) -> bool:
    """Whether a group norm has as many groups as channels."""
    bound = call.bound("input num_groups")
    return bound["input"].dim() > 1 and bound["num_groups"] == bound["input"].shape[1]


def local_response_norm(tracer: Tracer, call: Call) -> Labelled:
    """local_response_norm looks at neighbouring channels."""
    source = call.args[0]
    tracer.freeze(source, "is normalised by its neighbour channels")
    return tracer.emit(source.shape, source.dtype, source.axes)


def along(tracer: Tracer, call: Call) -> Labelled:
    """The rule of softmax, cumsum and the like along one axis, shape kept."""
    source, dim = call.args[0], call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    vectors = source.axes if dim is None else [source.axes[dim]]
    for vector in vectors:
        tracer.freeze_axis(vector, "goes through {} along its channels".format(call.name))
    return tracer.emit(
        source.shape, source.dtype, source.axes, call.name in _KEEP_ZERO and source.zero[0]
    )


def normalize(tracer: Tracer, call: Call) -> Labelled:
    """F.normalize: a p-norm over zeros counts nothing."""
    source, dim = call.args[0], call.bound("input p dim")["dim"]
    if not (source.zero[0] and _positive(call)):
        tracer.freeze_axis(
            source.axes[1 if dim is None else dim], "is normalised over its channels"
        )
    return tracer.emit(source.shape, source.dtype, source.axes, source.zero[0])


def _positive(call: Call) -> bool:
    """Whether zeros don't count: the order of a norm isn't negative."""
    order = call.bound("input p")["p"] if call.name in ("norm", "normalize") else 1
    return not isinstance(order, (int, float)) or order > 0


def reduction(tracer: Tracer, call: Call) -> Any:
    """The rule of mean, sum, max, ... over axes.

    Labelled axes among them stay whole unless zeros don't count.
    """
    source = call.args[0]
    others = call.args[1:] + tuple(call.kwargs.values())
    if any(isinstance(value, torch.Tensor) for value in others):  # max(a, b) reduces nothing
        return elementwise(tracer, call)
    dims = _dims(call, source.dim())
    for axis in dims:
        if not (call.name in _COUNT_NOTHING and source.zero[0] and _positive(call)):
            tracer.freeze_axis(
                source.axes[axis], "goes through {} over its channels".format(call.name)
            )
    keep = call.kwargs.get("keepdim", False) or any(a is True for a in call.args[1:])
    axes = [None if a in dims else v for a, v in enumerate(source.axes) if keep or a not in dims]
    shape = [1 if a in dims else n for a, n in enumerate(source.shape) if keep or a not in dims]
    zero = call.name in _KEEP_ZERO and source.zero[0]
    return _like(call, source, lambda dtype: tracer.emit(shape, dtype, axes, zero))


def _dims(call: Call, rank: int) -> Sequence[int]:
    """The reduced axes, all if none is named."""
    names = "input p dim" if call.name == "norm" else "input dim"
    dims = call.bound(names)["dim"]
    if dims is None and "axis" in call.kwargs:
        dims = call.kwargs["axis"]
    several = len(call.args) > 2 and call.name != "norm" and isinstance(call.args[2], int)
    if dims is None and several:
        dims = call.args[1:]
    if dims is None or dims == () or dims == []:
        return range(rank)
    return sorted({dim % rank for dim in ([dims] if isinstance(dims, int) else dims)})


def _like(call: Call, source: Labelled, emit: Callable[[torch.dtype], Labelled]) -> Any:
    """What the real operation gives: a tensor, or a pair of values and indices."""
    tiny = torch.ones([2] * source.dim(), dtype=source.dtype)  # dtype and kind need no true size
    real = call.func(tiny, *call.args[1:], **call.kwargs)
    if isinstance(real, torch.Tensor):
        return emit(real.dtype)
    return type(real)([emit(item.dtype) for item in real])


RULES: Dict[str, Rule] = {
    "batch_norm": batch_norm,
    "weight_norm": weight_norm,
    "instance_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": layer_norm,
    "group_norm": group_norm,
    "local_response_norm": local_response_norm,
    "normalize": normalize,
}
RULES.update(dict.fromkeys(_ALONG.split(), along))
RULES.update(dict.fromkeys(_REDUCTIONS.split(), reduction))
