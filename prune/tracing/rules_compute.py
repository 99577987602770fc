"""Label rules for layers that mix channels through weights.

Convolutions, linear, matmul, einsum, embedding. A sum over a labelled axis is exact after a cut
if the removed terms are zero in the masked model, that is, if one of the factors is zero there:
weights always are. Otherwise both sides are frozen.
"""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Labelled, Vector, axes_of, is_zero
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.rules_elementwise import meet
from edgejoule.prune.tracing.tracer import Rule, Tracer

Factor = Tuple[torch.Tensor, Vector, int]  # an operand, and labels and size of one of its axes


def mixed(
    tracer: Tracer,
    left: torch.Tensor,
    left_vector: Vector,
    right: torch.Tensor,
    right_vector: Vector,
) -> None:
    """Two axes that are multiplied and summed over."""
    tracer.unify(left_vector, right_vector, "is summed against a fixed size")
    if not (is_zero(left) or is_zero(right)):
        tracer.freeze_axis(left_vector, "is summed over with terms that a mask doesn't make zero")


def convolution(tracer: Tracer, call: Call) -> Labelled:
    """The rule of conv1d to conv3d: x [n, in, ...], weight [out, in/groups, ...]."""
    bound = call.bound("input weight bias stride padding dilation groups")
    source, weight, groups = bound["input"], bound["weight"], bound["groups"] or 1
    spatial, axes = weight.dim() - 2, list(axes_of(source))
    channel = source.dim() - spatial - 1
    _whole_window(tracer, source, weight, channel)
    out = _grouped(tracer, source, axes[channel], weight, groups)
    shape = list(source.shape)
    shape[channel] = weight.shape[0]
    shape[channel + 1 :] = _convolved(shape[channel + 1 :], weight.shape[2:], bound)
    _biased(tracer, out, bound["bias"])
    axes = axes[:channel] + [out] + [None] * spatial
    zero = is_zero(weight) and (bound["bias"] is None or is_zero(bound["bias"]))
    return tracer.emit(shape, source.dtype, axes, zero, source=tracer.produce(out))


def _whole_window(tracer: Tracer, source: torch.Tensor, weight: torch.Tensor, channel: int) -> None:
    """Pixels and kernel positions stay."""
    for vector in axes_of(source)[channel + 1 :]:
        tracer.freeze_axis(vector, "lies along a convolution's window")
    for vector in axes_of(weight)[2:]:
        tracer.freeze_axis(vector, "is a kernel size")


def _grouped(
    tracer: Tracer, source: torch.Tensor, vector: Vector, weight: torch.Tensor, groups: int
) -> Vector:
    """The labels of a convolution's outputs.

    Depthwise: a channel leaves with its filters. Other groups stay in number: the j-th input of
    every group leaves together, and so does the j-th output of every group.
    """
    out, inner = axes_of(weight)[0], axes_of(weight)[1]
    if groups == 1:
        mixed(tracer, source, vector, weight, inner)
        return out
    if weight.shape[1] == 1 and inner is None:  # an axis of size 1 has no labels
        tracer.unify(
            None if vector is None else np.repeat(vector, weight.shape[0] // groups),
            out,
            "is convolved with a fixed number of groups",
        )
        return out
    if out is not None:
        tracer.tie(out.reshape(groups, -1))
    mixed(
        tracer,
        source,
        None if vector is None else tracer.tie(vector.reshape(groups, -1)),
        weight,
        inner,
    )
    return out


def _biased(tracer: Tracer, out: Vector, bias: Any) -> None:
    if bias is not None:
        tracer.unify(out, axes_of(bias)[0], "has a bias of fixed size")


def _each(value: Any, count: int) -> Sequence[int]:
    """One number per spatial axis, of one for all or a tuple."""
    return [value] * count if isinstance(value, int) else (list(value) * count)[:count]


def _convolved(sizes: Sequence[int], kernel: Sequence[int], bound: Dict[str, Any]) -> Sequence[int]:
    """Spatial sizes after a convolution."""
    count, padding = len(sizes), bound["padding"] or 0
    stride, dilation = _each(bound["stride"] or 1, count), _each(bound["dilation"] or 1, count)
    if padding == "same":
        return sizes
    padding = _each(0 if padding == "valid" else padding, count)
    return [
        (sizes[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
        for i in range(count)
    ]


def transposed(tracer: Tracer, call: Call) -> Labelled:
    """The rule of conv_transpose1d to 3d: x [n, in, ...], weight [in, out/groups, ...]."""
    bound = call.bound("input weight bias stride padding output_padding groups dilation")
    source, weight, groups = bound["input"], bound["weight"], bound["groups"] or 1
    spatial, axes = weight.dim() - 2, list(axes_of(source))
    channel = source.dim() - spatial - 1
    _whole_window(tracer, source, weight, channel)
    mixed(tracer, source, axes[channel], weight, axes_of(weight)[0])
    out = _transposed_groups(tracer, axes[channel], axes_of(weight)[1], weight, groups)
    shape = list(source.shape)
    shape[channel] = weight.shape[1] * groups
    shape[channel + 1 :] = _widened(shape[channel + 1 :], weight.shape[2:], bound)
    _biased(tracer, out, bound["bias"])
    zero = is_zero(weight) and (bound["bias"] is None or is_zero(bound["bias"]))
    axes = axes[:channel] + [out] + [None] * spatial
    return tracer.emit(shape, source.dtype, axes, zero, source=tracer.produce(out))


def _transposed_groups(
    tracer: Tracer, vector: Vector, out: Vector, weight: torch.Tensor, groups: int
) -> Vector:
    """The labels of a transposed convolution's outputs: those of `out`, once per group."""
    if groups == 1:
        return out
    if weight.shape[0] == groups:  # depthwise: what a channel makes leaves with it
        tracer.freeze_axis(out, "is what every channel of its own makes")
        return None if vector is None else np.repeat(vector, weight.shape[1])
    if vector is not None:
        tracer.tie(vector.reshape(groups, -1))
    return None if out is None else np.tile(out, groups)


def _widened(sizes: Sequence[int], kernel: Sequence[int], bound: Dict[str, Any]) -> List[int]:
    """Spatial sizes after a transposed convolution."""
    count = len(sizes)
    stride, dilation = _each(bound["stride"] or 1, count), _each(bound["dilation"] or 1, count)
    padding, extra = _each(bound["padding"] or 0, count), _each(bound["output_padding"] or 0, count)
    return [
        (sizes[i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + extra[i] + 1
        for i in range(count)
    ]


def linear(tracer: Tracer, call: Call) -> Labelled:
    """The rule of linear: x [..., in], weight [out, in]."""
    bound = call.bound("input weight bias")
    source, weight = bound["input"], bound["weight"]
    if weight.dim() != 2:
        raise ValueError("a weight of {} axes".format(weight.dim()))
    out, inner = axes_of(weight)
    mixed(tracer, source, axes_of(source)[-1], weight, inner)
    _biased(tracer, out, bound["bias"])
    shape, axes = list(source.shape[:-1]) + [weight.shape[0]], list(axes_of(source)[:-1]) + [out]
    # a channel on another axis, zero in the input, gets the bias of every output
    zero = (
        is_zero(weight)
        and (bound["bias"] is None or is_zero(bound["bias"]))
        and all(v is None for v in axes[:-1])
    )
    return tracer.emit(shape, source.dtype, axes, zero, source=tracer.produce(out))


def einsum(tracer: Tracer, call: Call) -> Labelled:
    """The rule of einsum with an arrow and without an ellipsis."""
    equation, operands = call.args[0], call.args[1:]
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if "." in equation or "->" not in equation:
        raise ValueError("equation {!r}".format(equation))
    inputs, output = equation.replace(" ", "").split("->")
    return contracted(tracer, inputs.split(","), output, operands)


def contracted(
    tracer: Tracer, inputs: Sequence[str], output: str, operands: Sequence[torch.Tensor]
) -> Labelled:
    """The result [output letters] of a sum of products.

    Raises:
        ValueError: a letter stands twice in one operand.
    """
    sizes: Dict[str, int] = {}
    names: Dict[str, Vector] = {}
    for letter in sorted(set("".join(inputs))):
        meets = [
            (t, axes_of(t)[word.index(letter)], t.shape[word.index(letter)])
            for word, t in zip(inputs, operands)
            if letter in word
        ]
        sizes[letter] = max(size for _, _, size in meets)  # the others are broadcast from 1
        names[letter] = _letter(
            tracer, [m for m in meets if m[2] == sizes[letter]], letter in output
        )
    if any(len(set(word)) != len(word) for word in inputs):
        raise ValueError("a letter twice in one operand")
    zero = all(
        names[letter] is None
        or any(is_zero(t) for word, t in zip(inputs, operands) if letter in word)
        for letter in output
    )
    return tracer.emit(
        [sizes[letter] for letter in output],
        operands[0].dtype,
        [names[letter] for letter in output],
        zero,
    )


def _letter(tracer: Tracer, meets: List[Factor], kept: bool) -> Vector:
    """The labels of one letter, whose axes are multiplied and, unless kept, summed over."""
    first = meets[0][1]
    for _, vector, _ in meets[1:]:
        tracer.unify(first, vector, "is multiplied with a fixed size")
    named = [vector for _, vector, _ in meets if vector is not None]
    if named and not kept and not any(is_zero(t) for t, _, _ in meets):
        tracer.freeze_axis(named[0], "is summed over with terms that a mask doesn't make zero")
    return named[0] if named else None


def matmul(tracer: Tracer, call: Call) -> Labelled:
    """matmul, mm, bmm, mv as sums over one letter; batch axes broadcast."""
    left, right = call.args[0], call.args[1] if len(call.args) > 1 else call.kwargs["other"]
    if call.name == "rmatmul":
        left, right = right, left
    batch = "abcdefgh"  # reversed below, so that axes counted from the right share a letter
    first = "k" if left.dim() == 1 else batch[: left.dim() - 2][::-1] + "ik"
    second = "k" if right.dim() == 1 else batch[: right.dim() - 2][::-1] + "kj"
    lead = max((first[:-2], second[:-2]), key=len)
    output = lead + first[-2:-1] + (second[-1:] if right.dim() > 1 else "")
    result = contracted(tracer, [first, second], output, [left, right])
    _bare_weight(tracer, left, right, result)
    return result


def _bare_weight(tracer: Tracer, left: torch.Tensor, right: torch.Tensor, result: Labelled) -> None:
    """A product with a parameter makes its other axis the outputs of a layer."""
    if type(right) is Labelled and right.learned and result.dim() and right.dim() > 1:
        result.source = tracer.produce(result.axes[-1])
    if type(left) is Labelled and left.learned and result.dim() > 1:
        result.source = tracer.produce(result.axes[-2])


def added_product(tracer: Tracer, call: Call) -> Labelled:
    """addmm and baddbmm: a sum of a tensor and a product."""
    if {"beta", "alpha"} & set(call.kwargs):  # rare, and not worth a rule
        raise ValueError("scaled sum")
    product = matmul(tracer, Call(torch.matmul, call.args[1:3], {}))
    shape, axes = meet(tracer, [call.args[0], product])
    zero = is_zero(call.args[0]) and product.zero[0]
    return tracer.emit(shape, product.dtype, axes, zero, source=product.source)


def embedding(tracer: Tracer, call: Call) -> Labelled:
    """embedding: rows are picked by data, so their number is fixed."""
    bound = call.bound("input weight")
    source, weight = bound["input"], bound["weight"]
    tracer.freeze_axis(axes_of(weight)[0], "is looked up by number")
    tracer.freeze(source, "holds numbers of an embedding")  # an index buffer may have labels
    shape = list(source.shape) + [weight.shape[1]]
    return tracer.emit(
        shape, weight.dtype, [None] * source.dim() + [axes_of(weight)[1]], is_zero(weight)
    )


def prelu(tracer: Tracer, call: Call) -> Labelled:
    """prelu: one slope, or one per channel."""
    source, weight = call.args[0], call.args[1] if len(call.args) > 1 else call.kwargs["weight"]
    if weight.numel() > 1 or axes_of(weight)[0] is not None:
        tracer.unify(axes_of(source)[1], axes_of(weight)[0], "has slopes of fixed number")
    return tracer.emit(source.shape, source.dtype, source.axes, source.zero[0])


RULES: Dict[str, Rule] = dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution)
RULES.update(
    dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed)
)
RULES.update(dict.fromkeys(("matmul", "rmatmul", "mm", "bmm", "mv"), matmul))
RULES.update(dict.fromkeys(("addmm", "baddbmm", "addmv"), added_product))
RULES.update({"linear": linear, "einsum": einsum, "embedding": embedding, "prelu": prelu})
