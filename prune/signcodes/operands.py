"""What the functions of `signs` take: checked, and laid out as the kernels read it.

Nothing is copied where it need not be; torch is imported only where a tensor comes in.
"""

from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

INFINITY = {"float32": 0x7F800000, "float16": 0x7C00, "bfloat16": 0x7F80}  # patterns of +inf

Operand = Union[np.ndarray, "Tensor"]


def infinity_of(x: Operand) -> int:
    """The bit pattern of +inf of the type of `x`.

    Raises:
        ValueError: `x` is of another type or not [rows, bits].
    """
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
    return INFINITY[dtype]


def patterns(x: Operand) -> Tuple[np.ndarray, int]:
    """Bit patterns of `x` [rows, bits] as int32 or int16, elements side by side, and +inf's."""
    infinity = infinity_of(x)
    integer = "int32" if infinity == INFINITY["float32"] else "int16"
    if isinstance(x, np.ndarray):
        return whole_rows(x.view(integer)), infinity
    import torch

    # reinterpreted by torch, because NumPy has no bfloat16
    return whole_rows(x.detach().view(getattr(torch, integer)).numpy()), infinity


def codes(words: Operand) -> np.ndarray:
    """`words` checked to be codes uint64 [rows, words], a row's words side by side.

    Raises:
        ValueError: they are something else.
    """
    if not isinstance(words, np.ndarray) or words.dtype != np.uint64 or words.ndim != 2:
        raise ValueError(
            "signs: codes are uint64 arrays [rows, words] as pack returns them; got {} {!r}".format(
                getattr(words, "dtype", type(words).__name__), tuple(getattr(words, "shape", ()))
            )
        )
    return whole_rows(words)


def writable(out: Operand, shape: Tuple[int, ...]) -> np.ndarray:
    """`out` checked to be codes [rows, words] that can be written in place.

    Raises:
        ValueError: it has another type or shape, is scattered or read-only.
    """
    if (
        not isinstance(out, np.ndarray)
        or out.dtype != np.uint64
        or out.shape != shape
        or not out.flags.c_contiguous
        or not out.flags.writeable
    ):
        raise ValueError(
            "signs: `out` must be a contiguous uint64 array {!r} that can be written".format(shape)
        )
    return out


def fitting(out: Operand, shape: Tuple[int, ...], kind: np.dtype) -> Operand:
    """`out` checked to be a contiguous array or tensor that takes distances of type `kind`.

    Raises:
        ValueError: it has another type or shape, or is scattered.
    """
    contiguous = out.flags.c_contiguous if isinstance(out, np.ndarray) else out.is_contiguous()
    same_type = str(out.dtype).split(".")[-1] == kind.name  # torch says torch.int32
    if tuple(out.shape) != shape or not same_type or not contiguous:
        raise ValueError(
            "signs: `out` must be contiguous, {!r} of {}; got {!r} of {}".format(
                shape, kind.name, tuple(out.shape), out.dtype
            )
        )
    return out


def whole_rows(array: np.ndarray) -> np.ndarray:
    """`array` [rows, columns], copied only if a row is scattered or rows overlap."""
    size, (rows, columns) = array.itemsize, array.shape
    scattered = columns > 1 and array.strides[1] != size
    # the kernels count the distance between rows in elements, forwards
    overlapping = rows > 1 and (array.strides[0] < columns * size or array.strides[0] % size)
    whole = not scattered and not overlapping and array.flags.aligned
    return array if whole else np.ascontiguousarray(array)


def counter(words: int, dtype: Optional[Any] = None) -> np.dtype:
    """The integer type of all-pairs distances of codes with `words` words; `dtype` if it fits.

    Raises:
        ValueError: `dtype` is neither int32 nor int64, or too narrow.
    """
    if dtype is None:
        return np.dtype(np.int32 if words < 2**25 else np.int64)  # 2^25 words have 2^31 bits
    if np.dtype(dtype) not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise ValueError("signs: distances as {!r}; allowed are int32 and int64".format(dtype))
    if np.dtype(dtype) == np.int32 and words >= 2**25:
        raise ValueError("signs: int32 cannot hold distances of {} words; use int64".format(words))
    return np.dtype(dtype)
