"""Label rules for operations on pixels: pooling, interpolation, padding, pixel shuffle, unfold.

Their spatial sizes come from running the real operation on one channel of one image.
"""

from typing import Any, Dict

import numpy as np
import torch
from torch.nn import functional as F

from edgejoule.prune.tracing.labelled import Labelled, Vector, axes_of, hollow, tensors_in
from edgejoule.prune.tracing.labels import CONSTANT
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.tracer import Rule, Tracer


def pooled(tracer: Tracer, call: Call) -> Any:
    """Pooling and interpolation: every channel alone, pixels mixed."""
    source = call.args[0]
    # max_pool2d says how many axes are pixels; interpolate takes all behind the channels
    spatial = int(call.name[-2]) if call.name[-1] == "d" else source.dim() - 2
    lead = source.dim() - spatial
    for vector in source.axes[lead:]:
        tracer.freeze_axis(vector, "lies along a pooling window")
    real = call.func(
        hollow([1, 1] + list(source.shape[lead:]), source.dtype), *call.args[1:], **call.kwargs
    )
    axes = list(source.axes[:lead]) + [None] * spatial
    results = [
        tracer.emit(
            list(source.shape[:lead]) + list(part.shape[2:]), part.dtype, axes, source.zero[0]
        )
        for part in tensors_in(real)
    ]
    return results[0] if isinstance(real, torch.Tensor) else tuple(results)


def sampled(tracer: Tracer, call: Call) -> Labelled:
    """grid_sample: every channel of x [n, c, ...] alone, at the points of a grid [n, ..., 2]."""
    bound = call.bound("input grid")
    source, grid = bound["input"], bound["grid"]
    for vector in source.axes[2:] + axes_of(grid):
        tracer.freeze_axis(vector, "says where pixels are sampled")
    tracer.freeze_axis(source.axes[0], "is sampled by a grid of its own")
    shape = list(source.shape[:2]) + list(grid.shape[1:-1])
    axes = [None, source.axes[1]] + [None] * (len(shape) - 2)
    return tracer.emit(shape, source.dtype, axes, source.zero[0])


def padded(tracer: Tracer, call: Call) -> Labelled:
    """pad: constant channels are added where an axis has labels; pixels don't matter."""
    bound = call.bound("input pad mode value")
    source, mode, value = bound["input"], bound["mode"] or "constant", bound["value"] or 0
    pairs = list(zip(bound["pad"][::2], bound["pad"][1::2]))  # of the last axis first
    pairs = [(0, 0)] * (source.dim() - len(pairs)) + pairs[::-1]
    tracer.note(mode, value, *[p for p, v in zip(pairs, source.axes) if v is None])
    shape = [size + before + after for size, (before, after) in zip(source.shape, pairs)]
    axes = [
        _extended(tracer, v, before, after, mode) for v, (before, after) in zip(source.axes, pairs)
    ]
    zero = source.zero[0] and (mode != "constant" or value == 0)
    return tracer.emit(shape, source.dtype, axes, zero, source.learned)


def _extended(tracer: Tracer, vector: Vector, before: int, after: int, mode: str) -> Vector:
    """A channel axis with constant channels in front and behind; other padding freezes it."""
    if vector is None or before == after == 0:
        return vector
    if mode != "constant" or min(before, after) < 0:
        tracer.freeze_axis(vector, "is padded along its channels")
        return None
    return np.concatenate([np.full(before, CONSTANT), vector, np.full(after, CONSTANT)])


def pixel_shuffle(tracer: Tracer, call: Call) -> Labelled:
    """pixel_shuffle: r*r neighbouring channels become the pixels of one."""
    source, factor = call.args[0], call.bound("input upscale_factor")["upscale_factor"]
    *lead, channels, height, width = source.shape
    vector = source.axes[-3]
    if vector is not None:  # a channel of the result leaves with all r*r that become its pixels
        vector = tracer.tie(vector.reshape(-1, factor * factor).T)
    shape = lead + [channels // factor**2, height * factor, width * factor]
    return tracer.emit(
        shape, source.dtype, list(source.axes[:-3]) + [vector, None, None], source.zero[0]
    )


def pixel_unshuffle(tracer: Tracer, call: Call) -> Labelled:
    """pixel_unshuffle: the pixels of one channel become r*r channels."""
    source, factor = call.args[0], call.bound("input downscale_factor")["downscale_factor"]
    *lead, channels, height, width = source.shape
    vector = source.axes[-3]
    vector = None if vector is None else np.repeat(vector, factor * factor)
    shape = lead + [channels * factor**2, height // factor, width // factor]
    return tracer.emit(
        shape, source.dtype, list(source.axes[:-3]) + [vector, None, None], source.zero[0]
    )


def channel_shuffle(tracer: Tracer, call: Call) -> Labelled:
    """channel_shuffle: the j-th channel of every group stays together."""
    source, groups = call.args[0], call.bound("input groups")["groups"]
    vector = source.axes[1]
    if vector is not None:
        vector = np.repeat(tracer.tie(vector.reshape(groups, -1)), groups)
    axes = (source.axes[0], vector) + tuple(source.axes[2:])
    return tracer.emit(source.shape, source.dtype, axes, source.zero[0])


def windows(tracer: Tracer, call: Call) -> Labelled:
    """Tensor.unfold(dimension, size, step): windows along one axis, their positions a last axis."""
    bound = call.bound("input dimension size step")
    source, axis = bound["input"], bound["dimension"] % bound["input"].dim()
    tracer.freeze_axis(source.axes[axis], "is read in windows of a fixed size")
    shape, axes = list(source.shape) + [bound["size"]], list(source.axes) + [None]
    shape[axis], axes[axis] = (shape[axis] - bound["size"]) // bound["step"] + 1, None
    return tracer.emit(shape, source.dtype, axes, source.zero, source.learned)


def unfold(tracer: Tracer, call: Call) -> Labelled:
    """F.unfold: every channel becomes one row per kernel position."""
    source = call.args[0]
    if call.func is not F.unfold:  # a method of tensors has the same name
        return windows(tracer, call)
    if source.dim() != 4:
        raise ValueError("unfold of {} axes".format(source.dim()))
    real = call.func(
        hollow([1, 1] + list(source.shape[2:]), source.dtype), *call.args[1:], **call.kwargs
    )
    vector = None if source.axes[1] is None else np.repeat(source.axes[1], real.shape[1])
    shape = [source.shape[0], source.shape[1] * real.shape[1], real.shape[2]]
    return tracer.emit(shape, source.dtype, [source.axes[0], vector, None], source.zero[0])


RULES: Dict[str, Rule] = dict.fromkeys(
    [
        kind + "_pool{}d".format(n)
        for n in (1, 2, 3)
        for kind in ("max", "avg", "adaptive_avg", "adaptive_max", "lp")
    ],
    pooled,
)
RULES.update(dict.fromkeys(["max_pool{}d_with_indices".format(n) for n in (1, 2, 3)], pooled))
RULES.update(
    {
        "interpolate": pooled,
        "upsample": pooled,
        "pad": padded,
        "pixel_shuffle": pixel_shuffle,
        "pixel_unshuffle": pixel_unshuffle,
        "channel_shuffle": channel_shuffle,
        "native_channel_shuffle": channel_shuffle,
        "unfold": unfold,
        "grid_sample": sampled,
        "grid_sampler": sampled,
    }
)

SHAPED = frozenset(("pad",))
