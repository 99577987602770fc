"""A built library behind the backend interface: NumPy arrays in, NumPy arrays out.

Work is cut by rows, or by words where rows are few, and shared out to threads: kernels start none.
"""

import ctypes
import threading
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np

from edgejoule.prune.kernels.native_arrays import INT64, aligned, at, of_codes, of_values
from edgejoule.prune.kernels.threads import BYTES, PAIRS, run, split, split_triangle

ABI = 1
SYMMETRIC_WORDS = 64  # from here on mirroring half a matrix beats computing it
FEW_ROWS = 1024  # up to here all-pairs work is shared out by words
MESSAGES = {1: "it refuses an argument", 2: "this CPU cannot run it"}


class Library:
    """One loaded backend.

    Raises:
        RuntimeError: the library is of another interface, or this CPU cannot run it.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self._library = ctypes.CDLL(str(path))
        self._library.signs_scratch.restype = INT64  # ctypes would take it for an int of 32 bits
        self._own = threading.local()
        if self._library.signs_abi() != ABI:
            raise RuntimeError(
                "signs: {} speaks interface {}, not {}; delete it and it is built anew".format(
                    path, self._library.signs_abi(), ABI
                )
            )
        if self._library.signs_here():
            raise RuntimeError(
                "signs: backend {!r} needs what this CPU or its operating system lacks".format(name)
            )

    def pack(self, values: np.ndarray, infinity: int) -> np.ndarray:
        """Codes uint64 [rows, words] of float patterns [rows, bits]."""
        codes = np.empty((len(values), -(-values.shape[1] // 64)), np.uint64)
        run(
            [
                partial(
                    self._call, "signs_pack", of_values(values[rows], infinity), at(codes[rows])
                )
                for rows in split(len(values), values.nbytes, BYTES)
            ]
        )
        return codes

    def pack_hamming(
        self, values: np.ndarray, infinity: int, stored: np.ndarray, codes: np.ndarray
    ) -> np.ndarray:
        """Distances int64 [rows] of the codes of `values` to `stored`; the codes go to `codes`."""
        out = np.empty(len(values), np.int64)
        run(
            [
                partial(
                    self._call,
                    "signs_pack_hamming",
                    of_values(values[rows], infinity),
                    of_codes(stored[rows]),
                    at(codes[rows]),
                    at(out[rows]),
                )
                for rows in split(len(values), values.nbytes, BYTES)
            ]
        )
        return out

    def hamming(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Distance of row i of `a` to row i of `b`, [rows, words]: int64 [rows], in bits."""
        out = np.empty(len(a), np.int64)
        run(
            [
                partial(
                    self._call, "signs_hamming", of_codes(a[rows]), of_codes(b[rows]), at(out[rows])
                )
                for rows in split(len(a), 2 * a.nbytes, BYTES)
            ]
        )
        return out

    def popcount(self, codes: np.ndarray) -> np.ndarray:
        """Number of ones per row of codes [rows, words]: int64 [rows]."""
        out = np.empty(len(codes), np.int64)
        run(
            [
                partial(self._call, "signs_popcount", of_codes(codes[rows]), at(out[rows]))
                for rows in split(len(codes), codes.nbytes, BYTES)
            ]
        )
        return out

    def nans(self, values: np.ndarray, infinity: int) -> int:
        """Number of NaNs among float patterns [rows, bits]."""
        parts = split(len(values), values.nbytes, BYTES)
        counts = np.zeros(len(parts), np.int64)
        run(
            [
                partial(self._call, "signs_nans", of_values(values[rows], infinity), at(counts[i:]))
                for i, rows in enumerate(parts)
            ]
        )
        return int(counts.sum())

    def cdist(
        self, a: np.ndarray, b: np.ndarray, dtype: Any = np.int64, out: Optional[np.ndarray] = None
    ) -> np.ndarray:
        """Distances of all rows of `a` [rows_a, words] to all of `b`: [rows_a, rows_b] bits."""
        out = aligned((len(a), len(b)), dtype) if out is None else out
        pairs = a.size * len(b)
        # 8 words are a cache line, which two threads should not both fetch
        pieces = split(a.shape[1], pairs, PAIRS, 8) if len(a) <= FEW_ROWS else []
        if len(pieces) < 2:
            return self._by_rows(a, b, pairs, out)
        sums = run(
            [
                partial(
                    self._by_rows,
                    a[:, words],
                    a[:, words] if a is b else b[:, words],
                    0,  # no work for further threads: this is one already
                    aligned(out.shape, dtype),
                )
                for words in pieces
            ]
        )
        return np.sum(sums, axis=0, dtype=dtype, out=out)

    def _by_rows(self, a: np.ndarray, b: np.ndarray, pairs: int, out: np.ndarray) -> np.ndarray:
        """All distances, rows shared out to the threads that `pairs` of words are worth."""
        same = a is b or (a.ctypes.data, a.shape, a.strides) == (b.ctypes.data, b.shape, b.strides)
        if same and a.shape[1] >= SYMMETRIC_WORDS:
            run(
                [
                    partial(self._symmetric, a, rows, out)
                    for rows in split_triangle(len(a), pairs // 2, PAIRS)
                ]
            )
        else:
            run(
                [
                    partial(self._general, a[rows], b, out[rows])
                    for rows in split(len(a), pairs, PAIRS)
                ]
            )
        return out

    def _general(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        self._call("signs_cdist", of_codes(a), of_codes(b), out.itemsize, self._scratch(), at(out))

    def _symmetric(self, a: np.ndarray, rows: slice, out: np.ndarray) -> None:
        self._call(
            "signs_cdist_symmetric",
            of_codes(a),
            INT64(rows.start),
            INT64(rows.stop),
            out.itemsize,
            self._scratch(),
            at(out),
        )

    def _scratch(self) -> ctypes.c_void_p:
        """Pointer to this thread's scratch, kept while the thread lives."""
        if not hasattr(self._own, "scratch"):
            self._own.scratch = aligned((self._library.signs_scratch(),), np.uint8)
        return at(self._own.scratch)

    def _call(self, function: str, *arguments: Any) -> None:
        """Calls a function of the library; RuntimeError with its reason unless it returns 0."""
        code = getattr(self._library, function)(*arguments)
        if code:
            raise RuntimeError(
                "signs: {} of backend {!r} returned {}: {}".format(
                    function, self.name, code, MESSAGES.get(code, "no such code")
                )
            )
