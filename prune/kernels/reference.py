"""Sign codes in plain NumPy: the definition that every other backend has to equal.

Needs nothing newer than NumPy 1.17. Temporaries hold about `BLOCK` elements whatever the input.
"""

from typing import Any, List, Optional

import numpy as np

BLOCK = 1 << 18  # a few MiB of temporaries, so that long inputs do not double in memory
COUNTS = np.array([bin(value).count("1") for value in range(1 << 16)], dtype=np.uint8)


def pack(values: np.ndarray, infinity: int) -> np.ndarray:
    """Codes uint64 [rows, words] of float patterns [rows, bits]; bit = 0 < pattern <= infinity."""
    rows, bits = values.shape
    codes = np.zeros((rows, -(-bits // 64) * 8), dtype=np.uint8)
    for part in blocks(rows, bits):
        signs = (values[part] > 0) & (values[part] <= infinity)
        packed = np.packbits(signs, axis=1, bitorder="little")
        codes[part, : packed.shape[1]] = packed
    return codes.view(np.uint64)  # byte j is bits 8 j.. of a word: little-endian


def pack_hamming(
    values: np.ndarray, infinity: int, stored: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Distances int64 [rows] of the codes of `values` to `stored`; the codes go to `codes`."""
    new = pack(values, infinity)
    distances = hamming(new, stored)
    codes[...] = new  # only now: `codes` may be `stored`
    return distances


def hamming(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance of row i of `a` to row i of `b`, both [rows, words]: int64 [rows], in bits."""
    rows, words = a.shape
    out = np.zeros(rows, dtype=np.int64)
    for part in blocks(rows, words):
        out[part] = popcount(a[part] ^ b[part])
    return out


def cdist(
    a: np.ndarray, b: np.ndarray, dtype: Any = np.int64, out: Optional[np.ndarray] = None
) -> np.ndarray:
    """Distances of all rows of `a` [rows_a, words] to all rows of `b`: [rows_a, rows_b] bits."""
    out = np.zeros((len(a), len(b)), dtype=dtype) if out is None else out
    for row, code in enumerate(a):
        for part in blocks(*b.shape):
            out[row, part] = popcount(b[part] ^ code)
    return out


def popcount(codes: np.ndarray) -> np.ndarray:
    """Number of ones per row of codes [rows, words]: int64 [rows]."""
    # NumPy counts bits only since 2.0; a table of 2^16 fits the second-level cache
    halves = np.ascontiguousarray(codes).view(np.uint16)
    return COUNTS[halves].sum(axis=1, dtype=np.int64)


def nans(values: np.ndarray, infinity: int) -> int:
    """Number of NaNs among float bit patterns [rows, bits]."""
    # all bits but the sign; a NaN is above infinity there
    magnitude = values.dtype.type(np.iinfo(values.dtype).max)
    return sum(int(((values[part] & magnitude) > infinity).sum()) for part in blocks(*values.shape))


def blocks(rows: int, columns: int) -> List[slice]:
    """Slices over `rows` that hold about `BLOCK` elements each."""
    step = max(1, BLOCK // max(1, columns))
    return [slice(first, first + step) for first in range(0, rows, step)]
