"""Kernels launched through the CUDA driver, on torch's current stream and device.

ctypes calls libcuda itself, so neither a toolkit nor CUDA's headers are needed, and any torch with
CUDA serves.
"""

import ctypes
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor

THREADS = 256  # of a block; the kernels are written for this number
MAJOR, MINOR, PROCESSORS = 75, 76, 16  # CU_DEVICE_ATTRIBUTE_...

Argument = Union[Tensor, int, None, "ctypes._SimpleCData[Any]"]
Grid = Tuple[int, int, int]


class Launcher:
    """The kernels on every device of one driver.

    Args:
        driver: libcuda, or what stands in for it.
        image: gives the compiled kernels for a compute capability, 62 for 6.2.
    """

    def __init__(self, driver: ctypes.CDLL, image: Callable[[int], bytes]) -> None:
        self._driver, self._image = driver, image
        self._functions: Dict[Tuple[Optional[int], str], ctypes.c_void_p] = {}
        self._check(driver.cuInit(0), "cuInit")

    def launch(self, tensor: Tensor, name: str, grid: Grid, arguments: Sequence[Argument]) -> None:
        """Runs kernel `name` on the device and stream of `tensor`; an empty grid is no work.

        Raises:
            RuntimeError: there is no such kernel, or the driver refuses it.
        """
        if not all(grid):
            return
        # the driver takes the address of each argument; `values` keeps them alive until it has them
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

    def capability(self, tensor: Tensor) -> int:
        """Compute capability of the device of `tensor`, 62 for 6.2."""
        return 10 * self.attribute(MAJOR, tensor) + self.attribute(MINOR, tensor)

    def attribute(self, number: int, tensor: Tensor) -> int:
        """What the driver says of the device of `tensor`; `number` is a CU_DEVICE_ATTRIBUTE."""
        device, value = ctypes.c_int(), ctypes.c_int()
        self._check(
            self._driver.cuDeviceGet(ctypes.byref(device), tensor.device.index or 0), "cuDeviceGet"
        )
        self._check(
            self._driver.cuDeviceGetAttribute(ctypes.byref(value), number, device),
            "cuDeviceGetAttribute",
        )
        return value.value

    def _function(self, tensor: Tensor, name: str) -> ctypes.c_void_p:
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

    def _check(self, code: int, what: str) -> None:
        """Raises RuntimeError with the driver's own name of the error, unless `code` is 0."""
        if code:
            name = ctypes.c_char_p()
            self._driver.cuGetErrorName(code, ctypes.byref(name))
            raise RuntimeError(
                "signs: {} failed: {} ({})".format(
                    what, (name.value or b"unknown").decode("ascii"), code
                )
            )


@contextmanager
def stream_of(tensor: Tensor) -> Iterator[int]:
    """Handle of the current stream of a tensor's device, which is current meanwhile."""
    with torch.cuda.device(tensor.device):
        yield torch.cuda.current_stream(tensor.device).cuda_stream


def argument(value: Argument) -> "ctypes._SimpleCData[Any]":
    """A kernel argument: tensors by address, integers as 64 bits, None as a null pointer."""
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p()
    return ctypes.c_longlong(value) if isinstance(value, int) else value


def blocks(threads: int) -> int:
    """Number of blocks of `THREADS` that hold `threads`."""
    return -(-threads // THREADS)
