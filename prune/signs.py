"""Sign codes of activations, packed 64 to a word, and their Hamming distances.

**Definition.** A bit is 1 iff its value is greater than zero, decided on the bit pattern:
`0 < pattern <= pattern of +inf`, patterns read as signed integers. So +0, -0, negatives, -inf and
every NaN give 0; positive denormals and +inf give 1, also where flush-to-zero modes make `x > 0`
say otherwise. It is the mask of the local linear map of ReLU: hook what goes *into* the activation.

**Layout.** Element j of a row is bit j % 64 of word j // 64; unused bits of the last word are zero.
Codes of different element types must not be compared: fp16 underflow turns ones into zeros.
"""
from collections import OrderedDict

import numpy as np

from prune.kernels import reference

INFINITY = {"float32": 0x7F800000, "float16": 0x7C00, "bfloat16": 0x7F80}
BACKENDS = OrderedDict([("numpy", reference)])


def pack(x, backend=None):
    """Sign codes uint64 [rows, words] of a tensor or array `x` [rows, bits], fp32, fp16 or bf16."""
    values, infinity = patterns(x)
    return choose(backend).pack(values, infinity)


def hamming(a, b, backend=None):
    """Distance of row i of `a` to row i of `b`, codes [rows, words]: int64 [rows], in bits."""
    a, b = codes(a), codes(b)
    if a.shape != b.shape:
        raise ValueError("signs: paired distances of {!r} and {!r} words; both need the same shape; "
                         "for all pairs use cdist".format(a.shape, b.shape))
    return choose(backend).hamming(a, b)


def cdist(a, b, backend=None, dtype=None):
    """Distances of all rows of `a` to all rows of `b`, codes [rows, words]: [rows_a, rows_b] bits.

    int32 unless a row has 2^31 bits or more; `dtype` (int32 or int64) overrides that.
    """
    a, b = codes(a), codes(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError("signs: distances of codes of {} and of {} words; both need the same "
                         "length".format(a.shape[1], b.shape[1]))
    return choose(backend).cdist(a, b, counter(a.shape[1], dtype))


def nans(x, backend=None):
    """Number of NaNs in `x` [rows, bits]; their bits are 0, so the codes alone would hide them."""
    values, infinity = patterns(x)
    return choose(backend).nans(values, infinity)


def choose(name=None):
    """The backend called `name`, or the first one; a named backend never falls back to another."""
    if name is None:
        return next(iter(BACKENDS.values()))
    if name not in BACKENDS:
        raise ValueError("signs: no backend called {!r} here; available: {}".format(
            name, ", ".join(BACKENDS)))
    return BACKENDS[name]


def patterns(x):
    """Bit patterns of `x` as int32 or int16 [rows, bits] (no copy), and the pattern of +inf."""
    dtype = str(x.dtype).replace("torch.", "")
    if dtype not in INFINITY:
        raise ValueError("signs: cannot pack {!r}; allowed are {}; convert with x.float() if the "
                         "rounding is meant".format(dtype, ", ".join(INFINITY)))
    if len(x.shape) != 2:
        raise ValueError("signs: cannot pack shape {!r}; it needs [rows, bits]; flatten all axes "
                         "but the first".format(tuple(x.shape)))
    integer = "int32" if dtype == "float32" else "int16"
    return as_integers(x, integer), INFINITY[dtype]


def as_integers(x, integer):
    """The elements of a tensor or array `x` reinterpreted as `integer`, as a NumPy array."""
    if isinstance(x, np.ndarray):
        return x.view(integer)
    import torch
    return x.detach().cpu().view(getattr(torch, integer)).numpy()


def codes(words):
    """`words` as a contiguous uint64 array [rows, words], checked."""
    if not isinstance(words, np.ndarray) or words.dtype != np.uint64 or words.ndim != 2:
        raise ValueError("signs: codes are uint64 arrays [rows, words] as pack returns them; got "
                         "{} {!r}".format(getattr(words, "dtype", type(words).__name__),
                                          tuple(getattr(words, "shape", ()))))
    return np.ascontiguousarray(words)


def counter(words, dtype=None):
    """The integer type of all-pairs distances of codes with `words` words."""
    if dtype is None:
        return np.dtype(np.int32 if words * 64 < 2**31 else np.int64)
    if np.dtype(dtype) not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise ValueError("signs: distances as {!r}; allowed are int32 and int64".format(dtype))
    return np.dtype(dtype)
