"""The GPUs of CUDA in CUDA's order, asked for in a child process.

CUDA orders GPUs by speed, NVML by bus. The child keeps this process free of a context, which
would cost memory and watts. As that child this file is run alone: standard library only.
"""

import ctypes
import os
import subprocess
import sys
from typing import List

ASK_S = 10.0  # cuInit takes seconds on a machine of many GPUs


def uuids() -> List[str]:
    """UUIDs in CUDA's order as this process would see them; [] where CUDA cannot be asked."""
    try:
        # -I: what lies in the current folder must not hide a module that the child imports
        out = subprocess.run(
            [sys.executable, "-I", os.path.abspath(__file__)],
            timeout=ASK_S,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return out.decode().split()


def _ask_cuda() -> None:
    """Print the UUIDs of the CUDA driver's devices, one a line."""
    cuda = ctypes.CDLL("libcuda.so.1")
    count = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return
    for i in range(count.value):
        device, raw = ctypes.c_int(), (ctypes.c_ubyte * 16)()
        # Since CUDA 11.4 the second version tells MIG instances apart.
        ask = getattr(cuda, "cuDeviceGetUuid_v2", None) or cuda.cuDeviceGetUuid
        if not cuda.cuDeviceGet(ctypes.byref(device), i) and not ask(raw, device):
            text = bytes(raw).hex()
            print("GPU-" + "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


if __name__ == "__main__":
    _ask_cuda()
