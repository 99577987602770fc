"""Label rules for operations that work element by element, with broadcasting.

Operands meet position by position, so their labels are one. Whether a removed channel, which
the mask makes zero in the operands, is still exactly zero in the result is found by running the
operation itself on a zero.
"""

from typing import Any, Dict, List, Sequence, Tuple, Union

import torch

from edgejoule.prune.tracing.labelled import SAMPLE, Axes, Labelled, Vector, axes_of, replaced
from edgejoule.prune.tracing.operation import Call
from edgejoule.prune.tracing.tracer import Rule, Tracer

_NAMES = (
    "abs absolute acos acosh add addcdiv addcmul alias alpha_dropout and asin asinh atan atan2 "
    "atanh bfloat16 bitwise_and bitwise_not bitwise_or bitwise_xor bool ceil celu clamp clamp_max "
    "clamp_min clip clone contiguous copysign cos cosh cpu cuda deg2rad detach digamma div divide "
    "double dropout dropout1d dropout2d dropout3d elu empty_like eq erf erfc erfinv exp exp2 "
    "expm1 feature_alpha_dropout feature_dropout fill float floor floor_divide floordiv fmax fmin "
    "fmod frac full_like ge gelu get:data get:real greater greater_equal gt half hardshrink "
    "hardsigmoid hardswish hardtanh heaviside hypot int invert isfinite isinf isnan le leaky_relu "
    "lerp less less_equal lgamma log log10 log1p log2 logaddexp logical_and logical_not "
    "logical_or logical_xor logit logsigmoid long lt masked_fill maximum minimum mish mod mul "
    "multiply nan_to_num ne neg negative not_equal ones_like or pos positive pow rad2deg radd "
    "rand_like randn_like rdiv reciprocal relu relu6 remainder requires_grad rfloordiv rmod rmul "
    "round rpow rrelu rsqrt rsub rtruediv selu sgn sigmoid sign signbit silu sin sinc sinh "
    "softplus softshrink softsign sqrt square sub subtract tan tanh tanhshrink threshold "
    "true_divide truediv trunc type where xlogy xor zero zeros_like"
)
NAMES = frozenset(_NAMES.split())

SUMS = frozenset(["add", "radd", "sub", "rsub", "subtract"])
RANDOM = frozenset(["dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"])
CONVERSIONS = (
    "to type type_as detach contiguous alias get:data get:real float double half bfloat16 cpu cuda "
    "requires_grad"
)
Pattern = Tuple[bool, ...]  # per operand, whether it is zero

# trying an operation costs microseconds, and a network repeats the same few dozen
_OUTCOMES: Dict[tuple, Tuple[torch.dtype, float]] = {}


def elementwise(tracer: Tracer, call: Call) -> Labelled:
    """The result of an operation whose operands meet position by position."""
    tensors = call.tensors()
    if call.in_place and type(tensors[0]) is not Labelled:
        raise ValueError("an unlabelled tensor is written to")
    shape, axes = meet(tracer, tensors)
    if call.name in SUMS and tracer.mode == "inner":
        freeze_streams(tracer, tensors)
    dtype, zero = outcome(tracer, call, tensors, axes)
    if call.in_place and type(tensors[0]) is Labelled:
        return rewritten(tensors[0], shape, axes, zero)
    learned = all(type(t) is Labelled and t.learned for t in tensors)
    return tracer.emit(shape, dtype, axes, zero, learned)


def meet(tracer: Tracer, tensors: Sequence[torch.Tensor]) -> Tuple[List[int], List[Vector]]:
    """The broadcast shape and its labels, all operands unified along the way."""
    rank = max(tensor.dim() for tensor in tensors)
    shape = [1] * rank
    axes: List[Vector] = [None] * rank
    padded = [_padded(tensor, rank) for tensor in tensors]
    for axis in range(rank):
        # the size that isn't 1 wins, and 0 beats 1 as it does in torch
        shape[axis] = max((size[axis] for size, _ in padded), key=lambda n: (n != 1, n))
        if any(size[axis] not in (1, shape[axis]) for size, _ in padded):
            raise ValueError("shapes {} don't broadcast".format([size for size, _ in padded]))
        full = [vectors[axis] for size, vectors in padded if size[axis] == shape[axis]]
        axes[axis] = _met(tracer, full, shape[axis])
    return shape, axes


def _padded(tensor: torch.Tensor, rank: int) -> Tuple[Tuple[int, ...], Axes]:
    """Shape and labels with the axes in front that broadcasting adds."""
    missing = rank - tensor.dim()
    return (1,) * missing + tuple(tensor.shape), (None,) * missing + axes_of(tensor)


def _met(tracer: Tracer, vectors: List[Vector], size: int) -> Vector:
    """One label vector for operands that all have this size along an axis."""
    named = [vector for vector in vectors if vector is not None]
    if not named:
        return None
    for other in named[1:]:
        tracer.unify(named[0], other)
    if size > 1 and len(named) < len(vectors):
        tracer.freeze_axis(named[0], "meets a tensor of fixed size")
    return named[0]


def freeze_streams(tracer: Tracer, tensors: Sequence[torch.Tensor]) -> None:
    """In mode inner the sum of two activations is a residual stream, which stays whole."""
    activations = [t for t in tensors if type(t) is Labelled and not t.learned]
    if len(activations) > 1:
        for tensor in activations:
            tracer.freeze(tensor, "is part of a residual stream, which this mode leaves whole")
            tracer.streams.extend(v for v in tensor.axes if v is not None)


def rewritten(
    target: Labelled, shape: Sequence[int], axes: Sequence[Vector], zero: bool
) -> Labelled:
    """The tensor itself after an operation in place.

    All its views share the flag that says whether it is still zero.
    """
    if tuple(shape) != tuple(target.shape):
        raise ValueError(
            "shape {} written in place into {}".format(tuple(shape), tuple(target.shape))
        )
    target.axes, target.source = tuple(axes), None
    target.zero[0] = target.zero[0] and zero
    return target


def outcome(
    tracer: Tracer, call: Call, tensors: Sequence[torch.Tensor], axes: Sequence[Vector]
) -> Tuple[torch.dtype, bool]:
    """The result's dtype and whether removed channels are zero in it, by trying zeros.

    An operand can be zero at one axis's removed channels and not at another's, so every such
    pattern is tried.
    """
    first = tensors[0]
    if call.name in RANDOM:
        return first.dtype, type(first) is Labelled and first.zero[0]
    rank, nowhere = len(axes), (False,) * len(tensors)
    patterns = {nowhere}
    for axis in (axis for axis in range(rank) if axes[axis] is not None):
        patterns.add(tuple(_zero_on(tensor, axis - rank) for tensor in tensors))
    labelled = any(vector is not None for vector in axes)
    results = {pattern: _tried(call, tensors, pattern) for pattern in patterns}
    dtype = results[nowhere][0]
    verdicts = [value for pattern, (_, value) in results.items() if any(pattern)]
    if any(value != value or abs(value) == float("inf") for value in verdicts):
        for vector in axes:
            tracer.freeze_axis(vector, "is undefined at zero in {!r}".format(call.name))
        return dtype, False
    lacking = labelled and _lacks_zero(tensors, axes)
    return dtype, labelled and not lacking and all(value == 0 for value in verdicts)


def _zero_on(tensor: torch.Tensor, axis: int) -> bool:
    """Whether the mask makes an operand zero at an axis's removed channels.

    The axis is counted from the end, as broadcasting does.
    """
    return (
        type(tensor) is Labelled
        and -axis <= tensor.dim()
        and tensor.axes[axis] is not None
        and tensor.zero[0]
    )


def _lacks_zero(tensors: Sequence[torch.Tensor], axes: Sequence[Vector]) -> bool:
    """Whether some labelled axis has removed channels at which no operand is zero."""
    return any(
        vector is not None and not any(_zero_on(t, axis - len(axes)) for t in tensors)
        for axis, vector in enumerate(axes)
    )


def _tried(
    call: Call, tensors: Sequence[torch.Tensor], pattern: Pattern
) -> Tuple[torch.dtype, float]:
    """dtype and value of the operation on zeros where the pattern says so, +-SAMPLE elsewhere."""
    key = (
        call.name,
        call.in_place,
        repr(call.settings()),
        tuple((t.dtype, t.dim()) for t in tensors),
        pattern,
    )
    if key not in _OUTCOMES:
        # both signs: maximum(0, x) is zero for a negative x only
        values = [_single(call, pattern, sign) for sign in (1, -1)]
        worst = max(values, key=lambda t: (float(t) != float(t), abs(float(t))))
        _OUTCOMES[key] = (worst.dtype, float(worst))
    return _OUTCOMES[key]


def _single(call: Call, pattern: Pattern, sign: int) -> torch.Tensor:
    """The operation's result on operands of a single entry."""
    zeros = iter(pattern)

    def tiny(tensor: torch.Tensor) -> torch.Tensor:
        value = 0 if next(zeros) else _sample(tensor.dtype, sign)
        return torch.full([1] * tensor.dim(), value, dtype=tensor.dtype)

    args, kwargs = replaced(call.args, tiny), replaced(call.kwargs, tiny)
    return call.func(*args, **kwargs).reshape(-1)[0]


def _sample(dtype: torch.dtype, sign: int) -> Union[bool, float]:
    if dtype == torch.bool:
        return sign > 0
    return (SAMPLE if dtype.is_floating_point else 1) * sign


def converted(tracer: Tracer, call: Call) -> Any:
    """to, type_as, detach and the like, which may return the tensor itself under another name.

    A second tensor only gives the dtype.
    """
    source, result = call.args[0], call.func(*call.args, **call.kwargs)
    if not isinstance(result, torch.Tensor):
        return result
    if call.in_place:
        return source
    dtype = result.dtype
    return tracer.emit(source.shape, dtype, source.axes, source.zero, source.learned, source.source)


RULES: Dict[str, Rule] = dict.fromkeys(NAMES, elementwise)
RULES.update(dict.fromkeys(CONVERSIONS.split(), converted))
