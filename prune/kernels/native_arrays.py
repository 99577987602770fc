"""Arrays as a compiled backend takes them: structures of signs.h, pointers, aligned memory.

Rows of every array have their elements side by side (`prune.signcodes.operands` sees to that); rows
themselves may be any distance apart.
"""

import ctypes
from typing import Any, Tuple

import numpy as np

POINTER, INT64 = ctypes.c_void_p, ctypes.c_int64
LINE = 64  # bytes of a cache line, and of the widest vector


class Values(ctypes.Structure):
    """signs_values of signs.h: patterns [rows, bits] and their type, named by its +inf."""

    _fields_ = [
        ("data", POINTER),
        ("rows", INT64),
        ("bits", INT64),
        ("stride", INT64),
        ("type", ctypes.c_int32),
    ]


class Codes(ctypes.Structure):
    """signs_codes of signs.h: words [rows, words]."""

    _fields_ = [("data", POINTER), ("rows", INT64), ("words", INT64), ("stride", INT64)]


def of_values(values: np.ndarray, infinity: int) -> Any:
    """Pointer to a structure of patterns [rows, bits], which it keeps alive."""
    return ctypes.byref(Values(values.ctypes.data, *shape(values), infinity))


def of_codes(codes: np.ndarray) -> Any:
    """Pointer to a structure of codes [rows, words], which it keeps alive."""
    return ctypes.byref(Codes(codes.ctypes.data, *shape(codes)))


def shape(array: np.ndarray) -> Tuple[int, int, int]:
    """Rows, columns and distance between rows, in elements; of a single row its length."""
    rows, columns = array.shape
    return rows, columns, array.strides[0] // array.itemsize if rows > 1 else columns


def at(array: np.ndarray) -> ctypes.c_void_p:
    """Pointer to the first element of an array."""
    return POINTER(array.ctypes.data)


def aligned(shape: Tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised array that begins at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    # NumPy aligns to 16 bytes, and results written past the caches need whole lines
    memory = np.empty(size + LINE - 1, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)
