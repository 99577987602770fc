"""The CUDA backend: kernels launched through the driver, on torch's current stream and device.

ctypes calls libcuda itself, so neither a toolkit nor CUDA's headers are needed, and any torch with
CUDA serves. Codes are int64 tensors [rows, words] with the bits of the CPU's uint64 ones.
"""

import ctypes
from contextlib import contextmanager
from functools import lru_cache

import torch

from edgejoule.prune.kernels import cuda_build

# From this compute capability on, the all-pairs kernel of this name; by table of rates, not yet by
# measurement: binary tensor cores beat the popcount unit eightfold where they are native (8.0 to
# 9.0), bytes come next where they are emulated (10.0 on), before Ampere only popcounts remain.
ALL_PAIRS = ((100, "bytes"), (80, "bits"), (0, "popc"))
SIDES = {"bytes": 128, "bits": 128, "popc": 64}  # distances per block, squared
MOST_WORDS = {"bytes": 1 << 17, "bits": 1 << 24, "popc": 1 << 24}  # that a block's counts can hold
THREADS = 256
WORDS_PER_LANE = 64
MAJOR, MINOR, PROCESSORS = 75, 76, 16  # CU_DEVICE_ATTRIBUTE_...


@lru_cache(maxsize=None)
def load():
    """The CUDA backend of this machine's driver."""
    try:
        return Driver(ctypes.CDLL("libcuda.so.1"))
    except OSError:
        raise RuntimeError(
            "signs: backend 'cuda' needs an NVIDIA driver (libcuda.so.1); this machine has none"
        ) from None


class Driver:
    """The kernels on every device of one driver."""

    def __init__(self, driver, image=cuda_build.image):
        self._driver, self._image, self._functions = driver, image, {}
        self._check(driver.cuInit(0), "cuInit")

    def pack(self, x, infinity):
        """Codes int64 [rows, words] of a tensor [rows, bits] of float patterns."""
        codes = self._codes(x)
        self._pack(x, infinity, None, codes, None)
        return codes

    def pack_hamming(self, x, infinity, stored, out=None):
        """Codes of `x`, in `out` if given, and their distances int64 [rows] to `stored`."""
        codes = self._codes(x) if out is None else out
        if checked(codes) is not codes or codes.shape != stored.shape:
            raise ValueError(
                "signs: `out` must be a contiguous int64 tensor {!r}".format(tuple(stored.shape))
            )
        distances = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self._pack(x, infinity, checked(stored), codes, distances)
        return codes, distances

    def hamming(self, a, b):
        """Distance of row i of `a` to row i of `b`, [rows, words]: int64 [rows], in bits."""
        return self._paired(checked(a), checked(b))

    def popcount(self, codes):
        """Number of ones per row of codes [rows, words]: int64 [rows]."""
        return self._paired(checked(codes), None)

    def nans(self, x, infinity):
        """Number of NaNs in a tensor [rows, bits] of float patterns, as an int."""
        x, count = whole_rows(x), torch.zeros(1, dtype=torch.int64, device=x.device)
        self._launch(
            x,
            "signs_nans_{}".format(8 * x.element_size()),
            (blocks(len(x) * -(-x.shape[1] // 1024) * 32), 1, 1),
            [x, len(x), x.shape[1], stride(x), ctypes.c_uint(infinity), count],
        )
        return int(count)

    def cdist(self, a, b, dtype, out=None, kind=None):
        """Distances of all rows of `a` [rows_a, words] to all of `b`: [rows_a, rows_b] bits."""
        a, b = checked(a), checked(b)
        kind = kind or self.all_pairs(a)
        grid, share = self._tiling(a, b, kind)
        counter = torch.int32 if dtype.itemsize == 4 else torch.int64
        if out is None:
            out = torch.empty((len(a), len(b)), dtype=counter, device=a.device)
        if grid[2] > 1:
            out.zero_()
        popcounts = [] if kind == "popc" else [self.popcount(a), self.popcount(b)]
        self._launch(
            a,
            "signs_cdist_{}_{}".format(kind, dtype.itemsize),
            grid,
            [a, len(a), b, len(b), a.shape[1], share] + popcounts + [out],
        )
        return out

    def all_pairs(self, tensor):
        """Name of the all-pairs kernel for the device of `tensor`."""
        return next(kind for least, kind in ALL_PAIRS if self.capability(tensor) >= least)

    def _tiling(self, a, b, kind):
        """Grid of an all-pairs kernel, and the words of one share, a multiple of 16."""
        across, down = (-(-len(x) // SIDES[kind]) for x in (b, a))
        wanted = 2 * self._attribute(PROCESSORS, a) // max(1, across * down)
        shares = max(min(wanted, a.shape[1] // 64), -(-a.shape[1] // MOST_WORDS[kind]), 1)
        share = max(16, -(-a.shape[1] // shares // 16) * 16)
        return (across, down, max(1, -(-a.shape[1] // share))), share

    def _codes(self, x):
        return torch.empty((x.shape[0], -(-x.shape[1] // 64)), dtype=torch.int64, device=x.device)

    def _pack(self, x, infinity, stored, codes, distances):
        x = whole_rows(x)
        warps = len(x) * -(-codes.shape[1] // 16)
        self._launch(
            x,
            "signs_pack_{}".format(8 * x.element_size()),
            (blocks(warps * 32), 1, 1),
            [x, len(x), x.shape[1], stride(x), ctypes.c_uint(infinity), stored, codes, distances],
        )

    def _paired(self, a, b):
        out = torch.zeros(len(a), dtype=torch.int64, device=a.device)
        rows, words = a.shape
        lanes = min(32, 1 << (max(1, -(-words // 2)) - 1).bit_length())
        segments = max(1, -(-words // (lanes * WORDS_PER_LANE)))
        self._launch(
            a,
            "signs_paired",
            (blocks(rows * segments * lanes), 1, 1),
            [a, b, rows, words, ctypes.c_int(lanes), segments, out],
        )
        return out

    def _launch(self, tensor, name, grid, arguments):
        """Runs kernel `name` on the device and stream of `tensor`; an empty grid is no work."""
        if not all(grid):
            return
        values = [argument(each) for each in arguments]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(each) for each in values])
        with stream_of(tensor) as stream:
            function = self._function(tensor, name)
            self._check(
                self._driver.cuLaunchKernel(
                    function, *grid, THREADS, 1, 1, 0, ctypes.c_void_p(stream), pointers, None
                ),
                name,
            )

    def _function(self, tensor, name):
        """Kernel `name` on the device of `tensor`, whose image is built and loaded once."""
        key = (tensor.device.index, name)
        if key not in self._functions:
            module, function = ctypes.c_void_p(), ctypes.c_void_p()
            image = self._image(self.capability(tensor))
            self._check(
                self._driver.cuModuleLoadData(ctypes.byref(module), image), "cuModuleLoadData"
            )
            self._check(
                self._driver.cuModuleGetFunction(
                    ctypes.byref(function), module, name.encode("ascii")
                ),
                name,
            )
            self._functions[key] = function
        return self._functions[key]

    def capability(self, tensor):
        """Compute capability of the device of `tensor`, 62 for 6.2."""
        return 10 * self._attribute(MAJOR, tensor) + self._attribute(MINOR, tensor)

    def _attribute(self, number, tensor):
        device, value = ctypes.c_int(), ctypes.c_int()
        self._check(
            self._driver.cuDeviceGet(ctypes.byref(device), tensor.device.index or 0), "cuDeviceGet"
        )
        self._check(
            self._driver.cuDeviceGetAttribute(ctypes.byref(value), number, device),
            "cuDeviceGetAttribute",
        )
        return value.value

    def _check(self, code, what):
        if code:
            name = ctypes.c_char_p()
            self._driver.cuGetErrorName(code, ctypes.byref(name))
            raise RuntimeError(
                "signs: {} failed: {} ({})".format(
                    what, (name.value or b"unknown").decode("ascii"), code
                )
            )


@contextmanager
def stream_of(tensor):
    """Handle of the current stream of a tensor's device, which is current meanwhile."""
    with torch.cuda.device(tensor.device):
        yield torch.cuda.current_stream(tensor.device).cuda_stream


def argument(value):
    """A kernel argument: tensors by address, integers as 64 bits, None as a null pointer."""
    if isinstance(value, torch.Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p()
    return value if isinstance(value, ctypes._SimpleCData) else ctypes.c_longlong(value)


def blocks(threads):
    """Blocks of `THREADS` that hold `threads`."""
    return -(-threads // THREADS)


def stride(x):
    """Elements from one row to the next; of a single row its length."""
    return x.stride(0) if len(x) > 1 else x.shape[1]


def whole_rows(x):
    """`x` [rows, bits] with the elements of a row side by side and rows apart."""
    side_by_side = x.shape[1] < 2 or x.stride(1) == 1
    return x.detach() if side_by_side and stride(x) >= x.shape[1] else x.detach().contiguous()


def checked(codes):
    """Codes known to be a contiguous int64 tensor [rows, words]."""
    if codes.dtype != torch.int64 or codes.dim() != 2:
        raise ValueError(
            "signs: codes on a GPU are int64 tensors [rows, words] as pack returns "
            "them; got {} {!r}".format(codes.dtype, tuple(codes.shape))
        )
    return codes if codes.is_contiguous() else codes.contiguous()
