"""The CUDA backend: sign codes on the device that holds the tensors.

Codes are int64 tensors [rows, words] with the bits of the CPU's uint64 ones.
"""

import ctypes
from functools import lru_cache
from typing import Any, Callable, List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from edgejoule.prune.kernels import cuda_build
from edgejoule.prune.kernels.cuda_driver import PROCESSORS, Argument, Grid, Launcher, blocks

# From this compute capability on, the all-pairs kernel of this name; by table of rates, not yet by
# measurement: binary tensor cores beat the popcount unit eightfold where they are native (8.0 to
# 9.0), bytes come next where they are emulated (10.0 on), before Ampere only popcounts remain.
ALL_PAIRS = ((100, "bytes"), (80, "bits"), (0, "popc"))
SIDES = {"bytes": 128, "bits": 128, "popc": 64}  # distances per block, squared
MOST_WORDS = {"bytes": 1 << 17, "bits": 1 << 24, "popc": 1 << 24}  # that a block's counts can hold
WORDS_PER_LANE = 64  # of a row that one thread reads before the row is shared by more


@lru_cache(maxsize=None)
def load() -> "Driver":
    """The CUDA backend of this machine's driver.

    Raises:
        RuntimeError: this machine has no NVIDIA driver.
    """
    try:
        return Driver(ctypes.CDLL("libcuda.so.1"))
    except OSError:
        raise RuntimeError(
            "signs: backend 'cuda' needs an NVIDIA driver (libcuda.so.1); this machine has none"
        ) from None


class Driver(Launcher):
    """The backend's functions, on every device of one driver."""

    def __init__(
        self, driver: ctypes.CDLL, image: Callable[[int], bytes] = cuda_build.image
    ) -> None:
        super().__init__(driver, image)

    def pack(self, x: Tensor, infinity: int) -> Tensor:
        """Codes int64 [rows, words] of a tensor [rows, bits] of float patterns."""
        codes = _room_for_codes(x)
        self._pack(x, infinity, None, codes, None)
        return codes

    def pack_hamming(
        self, x: Tensor, infinity: int, stored: Any, out: Optional[Any] = None
    ) -> Tuple[Tensor, Tensor]:
        """Codes of `x`, in `out` if given, and their distances int64 [rows] to `stored`.

        Raises:
            ValueError: `stored` or `out` is no tensor of codes, or `out` cannot take them.
        """
        codes = _room_for_codes(x) if out is None else out
        if checked(codes) is not codes or codes.shape != stored.shape:
            raise ValueError(
                "signs: `out` must be a contiguous int64 tensor {!r}".format(tuple(stored.shape))
            )
        distances = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self._pack(x, infinity, checked(stored), codes, distances)
        return codes, distances

    def hamming(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of row i of `a` to row i of `b`, [rows, words]: int64 [rows], in bits."""
        return self._paired(checked(a), checked(b))

    def popcount(self, codes: Tensor) -> Tensor:
        """Number of ones per row of codes [rows, words]: int64 [rows]."""
        return self._paired(checked(codes), None)

    def nans(self, x: Tensor, infinity: int) -> int:
        """Number of NaNs in a tensor [rows, bits] of float patterns."""
        x, count = whole_rows(x), torch.zeros(1, dtype=torch.int64, device=x.device)
        self.launch(
            x,
            "signs_nans_{}".format(8 * x.element_size()),
            (blocks(len(x) * -(-x.shape[1] // 1024) * 32), 1, 1),  # a warp per 1024 elements
            [x, len(x), x.shape[1], stride(x), ctypes.c_uint(infinity), count],
        )
        return int(count)

    def cdist(
        self,
        a: Tensor,
        b: Tensor,
        dtype: np.dtype,
        out: Optional[Tensor] = None,
        kind: Optional[str] = None,
    ) -> Tensor:
        """Distances of all rows of `a` [rows_a, words] to all of `b`: [rows_a, rows_b] bits.

        `kind` names the kernel, for those who compare them; without it the device decides.
        """
        a, b = checked(a), checked(b)
        kind = kind or self.all_pairs(a)
        processors = self.attribute(PROCESSORS, a)
        grid, share = tiling(len(a), len(b), a.shape[1], kind, processors)
        if out is None:
            counter = torch.int32 if dtype.itemsize == 4 else torch.int64
            out = torch.empty((len(a), len(b)), dtype=counter, device=a.device)
        if grid[2] > 1:  # several blocks add to each distance
            out.zero_()
        arguments: List[Argument] = [a, len(a), b, len(b), a.shape[1], share]
        if kind != "popc":  # tensor cores count the ones in common; a distance needs each row's too
            arguments += [self.popcount(a), self.popcount(b)]
        name = "signs_cdist_{}_{}".format(kind, dtype.itemsize)
        self.launch(a, name, grid, arguments + [out])
        return out

    def all_pairs(self, tensor: Tensor) -> str:
        """Name of the all-pairs kernel for the device of `tensor`."""
        return next(kind for least, kind in ALL_PAIRS if self.capability(tensor) >= least)

    def _pack(
        self,
        x: Tensor,
        infinity: int,
        stored: Optional[Tensor],
        codes: Tensor,
        distances: Optional[Tensor],
    ) -> None:
        x = whole_rows(x)
        warps = len(x) * -(-codes.shape[1] // 16)  # one makes 16 words of 1024 elements
        self.launch(
            x,
            "signs_pack_{}".format(8 * x.element_size()),
            (blocks(warps * 32), 1, 1),
            [x, len(x), x.shape[1], stride(x), ctypes.c_uint(infinity), stored, codes, distances],
        )

    def _paired(self, a: Tensor, b: Optional[Tensor]) -> Tensor:
        """Distances of paired rows, or popcounts of `a` if there is no `b`."""
        out = torch.zeros(len(a), dtype=torch.int64, device=a.device)
        rows, words = a.shape
        # a power of two, for the threads of a row add up by halves
        lanes = min(32, 1 << (max(1, -(-words // 2)) - 1).bit_length())
        segments = max(1, -(-words // (lanes * WORDS_PER_LANE)))
        self.launch(
            a,
            "signs_paired",
            (blocks(rows * segments * lanes), 1, 1),
            [a, b, rows, words, ctypes.c_int(lanes), segments, out],
        )
        return out


def tiling(rows_a: int, rows_b: int, words: int, kind: str, processors: int) -> Tuple[Grid, int]:
    """Grid of an all-pairs kernel, and the words of one block's share, a multiple of 16.

    Few rows make few blocks: their words are then shared out until every processor has two.
    """
    across, down = (-(-rows // SIDES[kind]) for rows in (rows_b, rows_a))
    wanted = 2 * processors // max(1, across * down)
    shares = max(min(wanted, words // 64), -(-words // MOST_WORDS[kind]), 1)
    share = max(16, -(-words // shares // 16) * 16)
    return (across, down, max(1, -(-words // share))), share


def stride(x: Tensor) -> int:
    """Elements from one row to the next; of a single row its length."""
    return x.stride(0) if len(x) > 1 else x.shape[1]


def whole_rows(x: Tensor) -> Tensor:
    """`x` [rows, bits] with the elements of a row side by side and rows apart."""
    side_by_side = x.shape[1] < 2 or x.stride(1) == 1
    return x.detach() if side_by_side and stride(x) >= x.shape[1] else x.detach().contiguous()


def checked(codes: Any) -> Tensor:
    """Codes known to be a contiguous int64 tensor [rows, words].

    Raises:
        ValueError: they are something else.
    """
    if not isinstance(codes, Tensor) or codes.dtype != torch.int64 or codes.dim() != 2:
        raise ValueError(
            "signs: codes on a GPU are int64 tensors [rows, words] as pack returns "
            "them; got {} {!r}".format(codes.dtype, tuple(codes.shape))
        )
    return codes if codes.is_contiguous() else codes.contiguous()


def _room_for_codes(x: Tensor) -> Tensor:
    return torch.empty((x.shape[0], -(-x.shape[1] // 64)), dtype=torch.int64, device=x.device)
