"""Sign codes of activations, packed 64 to a word, and their Hamming distances.

**Definition.** A bit is 1 iff its value is greater than zero, decided on the bit pattern:
`0 < pattern <= pattern of +inf`, patterns read as signed integers. So +0, -0, negatives, -inf and
every NaN give 0; positive denormals and +inf give 1, also where flush-to-zero modes make `x > 0`
say otherwise. It is the mask of the local linear map of ReLU: hook what goes *into* the activation.

**Layout.** Element j of a row is bit j % 64 of word j // 64; unused bits of the last word are zero.
Codes of different element types must not be compared: fp16 underflow turns ones into zeros.

Arrays and CPU tensors give NumPy arrays. CUDA tensors stay on their device and give tensors, codes
as int64 [rows, words] with the same bits.
"""

from typing import TYPE_CHECKING, Any, Optional, Tuple

import numpy as np

from edgejoule.prune.kernels import backends
from edgejoule.prune.signcodes import operands
from edgejoule.prune.signcodes.operands import Operand

if TYPE_CHECKING:
    from typing import TypeGuard

    from torch import Tensor

BACKENDS = backends.NAMES

Result = Any  # an array, or a tensor where the operands are on a GPU: the caller knows which


def pack(x: Operand, backend: Optional[str] = None) -> Result:
    """Sign codes uint64 [rows, words] of a tensor or array `x` [rows, bits], fp32, fp16 or bf16."""
    if on_gpu(x):
        return backends.gpu(backend).pack(x, operands.infinity_of(x))
    return backends.cpu(backend).pack(*operands.patterns(x))


def pack_hamming(
    x: Operand, stored: Operand, out: Optional[Operand] = None, backend: Optional[str] = None
) -> Tuple[Result, Result]:
    """Codes of `x` and their distances to `stored`, row by row, in one pass: (codes, int64 [rows]).

    `out` takes the codes; it may be `stored` itself, which keeps one set of codes and renews it.

    Raises:
        ValueError: `stored` or `out` does not have the shape of the codes of `x`.
    """
    infinity = operands.infinity_of(x)
    words = -(-x.shape[1] // 64)
    if tuple(stored.shape) != (x.shape[0], words):
        raise ValueError(
            "signs: values {!r} have codes {!r}, the stored ones are {!r}; compare "
            "the same layer on the same images".format(
                tuple(x.shape), (x.shape[0], words), tuple(stored.shape)
            )
        )
    if on_gpu(x):
        return backends.gpu(backend).pack_hamming(x, infinity, stored, out)
    old = operands.codes(stored)
    new = np.empty(old.shape, np.uint64) if out is None else operands.writable(out, old.shape)
    return new, backends.cpu(backend).pack_hamming(operands.patterns(x)[0], infinity, old, new)


def hamming(a: Operand, b: Operand, backend: Optional[str] = None) -> Result:
    """Distance of row i of `a` to row i of `b`, codes [rows, words]: int64 [rows], in bits.

    Raises:
        ValueError: they are no codes, or differ in shape.
    """
    device, a, b = placed(a, b, backend)
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            "signs: paired distances of {!r} and {!r} words; both need one shape; for "
            "all pairs use cdist".format(tuple(a.shape), tuple(b.shape))
        )
    return device.hamming(a, b)


def cdist(
    a: Operand,
    b: Operand,
    backend: Optional[str] = None,
    dtype: Optional[Any] = None,
    out: Optional[Operand] = None,
) -> Result:
    """Distances of all rows of `a` to all rows of `b`, codes [rows, words]: [rows_a, rows_b] bits.

    int32 unless a row has 2^31 bits or more; `dtype` (int32 or int64) overrides that. With `b` the
    same object as `a`, long codes are compared once per pair. `out`, of that shape and type, saves
    fresh memory, which costs as much as the distances of short codes; best aligned to 64 bytes.

    Raises:
        ValueError: they are no codes, or differ in words per row, or `out` does not fit.
    """
    device, a, b = placed(a, b, backend)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            "signs: distances of codes {!r} to codes {!r}; both need the same words per row".format(
                tuple(a.shape), tuple(b.shape)
            )
        )
    kind = operands.counter(a.shape[1], dtype)
    if out is not None:
        return device.cdist(a, b, kind, operands.fitting(out, (len(a), len(b)), kind))
    return device.cdist(a, b, kind)


def popcount(words: Operand, backend: Optional[str] = None) -> Result:
    """Number of ones per row of codes [rows, words]: int64 [rows]."""
    device, words, _ = placed(words, words, backend)
    return device.popcount(words)


def nans(x: Operand, backend: Optional[str] = None) -> int:
    """Number of NaNs in `x` [rows, bits]; their bits are 0, so the codes alone would hide them."""
    if on_gpu(x):
        return backends.gpu(backend).nans(x, operands.infinity_of(x))
    return backends.cpu(backend).nans(*operands.patterns(x))


def placed(a: Operand, b: Operand, backend: Optional[str]) -> Tuple[Any, Any, Any]:
    """The backend for two sets of codes, and both of them as it takes them."""
    if on_gpu(a) and on_gpu(b):
        return backends.gpu(backend), a, b
    first = operands.codes(a)
    # one object stays one object: backends compare codes with themselves at half the work
    return backends.cpu(backend), first, first if a is b else operands.codes(b)


def on_gpu(x: Operand) -> "TypeGuard[Tensor]":
    """Whether `x` is a tensor on a CUDA device."""
    return bool(getattr(x, "is_cuda", False))
