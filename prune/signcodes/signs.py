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

from typing import Optional

import numpy as np

from edgejoule.prune.kernels import backends

INFINITY = {"float32": 0x7F800000, "float16": 0x7C00, "bfloat16": 0x7F80}
BACKENDS = backends.NAMES


def pack(x, backend: Optional[str] = None):
    """Sign codes uint64 [rows, words] of a tensor or array `x` [rows, bits], fp32, fp16 or bf16."""
    if on_gpu(x):
        return backends.gpu(backend).pack(*checked(x))
    return backends.cpu(backend).pack(*patterns(x))


def pack_hamming(x, stored, out=None, backend: Optional[str] = None):
    """Codes of `x` and their distances to `stored`, row by row, in one pass: (codes, int64 [rows]).

    `out` takes the codes; it may be `stored` itself, which keeps one set of codes and renews it.
    """
    infinity = checked(x)[1]
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
    stored = codes(stored)
    new = np.empty(stored.shape, np.uint64) if out is None else contiguous(out, stored.shape)
    return new, backends.cpu(backend).pack_hamming(patterns(x)[0], infinity, stored, new)


def hamming(a, b, backend: Optional[str] = None):
    """Distance of row i of `a` to row i of `b`, codes [rows, words]: int64 [rows], in bits."""
    device, a, b = placed(a, b, backend)
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            "signs: paired distances of {!r} and {!r} words; both need one shape; for "
            "all pairs use cdist".format(tuple(a.shape), tuple(b.shape))
        )
    return device.hamming(a, b)


def cdist(a, b, backend: Optional[str] = None, dtype=None, out=None):
    """Distances of all rows of `a` to all rows of `b`, codes [rows, words]: [rows_a, rows_b] bits.

    int32 unless a row has 2^31 bits or more; `dtype` (int32 or int64) overrides that. With `b` the
    same object as `a`, long codes are compared once per pair. `out`, of that shape and type, saves
    fresh memory, which costs as much as the distances of short codes; best aligned to 64 bytes.
    """
    device, a, b = placed(a, b, backend)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            "signs: distances of codes {!r} to codes {!r}; both need the same words per row".format(
                tuple(a.shape), tuple(b.shape)
            )
        )
    kind = counter(a.shape[1], dtype)
    if out is not None:
        return device.cdist(a, b, kind, fitting(out, (len(a), len(b)), kind))
    return device.cdist(a, b, kind)


def popcount(words, backend: Optional[str] = None):
    """Number of ones per row of codes [rows, words]: int64 [rows]."""
    device, words, _ = placed(words, words, backend)
    return device.popcount(words)


def nans(x, backend: Optional[str] = None) -> int:
    """Number of NaNs in `x` [rows, bits]; their bits are 0, so the codes alone would hide them."""
    if on_gpu(x):
        return backends.gpu(backend).nans(*checked(x))
    return backends.cpu(backend).nans(*patterns(x))


def placed(a, b, backend):
    """The backend for two sets of codes, and both of them checked."""
    if on_gpu(a) and on_gpu(b):
        return backends.gpu(backend), a, b
    first = codes(a)
    return backends.cpu(backend), first, first if a is b else codes(b)


def on_gpu(x) -> bool:
    """Whether `x` is a tensor on a CUDA device."""
    return bool(getattr(x, "is_cuda", False))


def checked(x):
    """`x` itself and the pattern of +inf of its type, once both are known to be packable."""
    dtype = str(x.dtype).replace("torch.", "")
    if dtype not in INFINITY:
        raise ValueError(
            "signs: cannot pack {!r}; allowed are {}; convert with x.float() if the "
            "rounding is meant".format(dtype, ", ".join(INFINITY))
        )
    if len(x.shape) != 2:
        raise ValueError(
            "signs: cannot pack shape {!r}; it needs [rows, bits]; flatten all axes "
            "but the first".format(tuple(x.shape))
        )
    return x, INFINITY[dtype]


def patterns(x):
    """Bit patterns of `x` [rows, bits] as int32 or int16, elements side by side, and +inf's."""
    infinity = checked(x)[1]
    integer = "int32" if infinity == INFINITY["float32"] else "int16"
    if not isinstance(x, np.ndarray):
        import torch

        x = x.detach().view(getattr(torch, integer)).numpy()
    return whole_rows(x.view(integer)), infinity


def codes(words):
    """`words` checked to be codes [rows, words], a row's words side by side."""
    if not isinstance(words, np.ndarray) or words.dtype != np.uint64 or words.ndim != 2:
        raise ValueError(
            "signs: codes are uint64 arrays [rows, words] as pack returns them; got {} {!r}".format(
                getattr(words, "dtype", type(words).__name__), tuple(getattr(words, "shape", ()))
            )
        )
    return whole_rows(words)


def contiguous(out, shape):
    """`out` checked to be codes [rows, words] that can be written in place."""
    fits = isinstance(out, np.ndarray) and out.dtype == np.uint64 and out.shape == shape
    if not fits or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(
            "signs: `out` must be a contiguous uint64 array {!r} that can be written".format(shape)
        )
    return out


def fitting(out, shape, kind):
    """`out` checked to be a contiguous array or tensor that takes distances."""
    tensor = not isinstance(out, np.ndarray)
    contiguous_out = out.is_contiguous() if tensor else out.flags.c_contiguous
    same_type = str(out.dtype).split(".")[-1] == kind.name
    if tuple(out.shape) != shape or not same_type or not contiguous_out:
        raise ValueError(
            "signs: `out` must be contiguous, {!r} of {}; got {!r} of {}".format(
                shape, kind.name, tuple(out.shape), out.dtype
            )
        )
    return out


def whole_rows(array):
    """`array` [rows, columns], copied only if a row is scattered or rows overlap."""
    size, (rows, columns) = array.itemsize, array.shape
    scattered = columns > 1 and array.strides[1] != size
    overlapping = rows > 1 and (array.strides[0] < columns * size or array.strides[0] % size)
    whole = not scattered and not overlapping and array.flags.aligned
    return array if whole else np.ascontiguousarray(array)


def counter(words, dtype=None):
    """The integer type of all-pairs distances of codes with `words` words."""
    if dtype is None:
        return np.dtype(np.int32 if words < 2**25 else np.int64)
    if np.dtype(dtype) not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise ValueError("signs: distances as {!r}; allowed are int32 and int64".format(dtype))
    if np.dtype(dtype) == np.int32 and words >= 2**25:
        raise ValueError("signs: int32 cannot hold distances of {} words; use int64".format(words))
    return np.dtype(dtype)
