"""Which GPU of NVML is CUDA's: by UUID, never by index.

CUDA orders GPUs by speed, NVML by bus; CUDA_VISIBLE_DEVICES may name indices, UUIDs or MIG
instances. A child process asks the CUDA driver itself, so this one stays free of a context.
"""

import ctypes
import os
import subprocess
import sys
from types import ModuleType
from typing import Any, List, Optional, Tuple

ASK_S = 10.0  # cuInit takes seconds on a machine of many GPUs


def handle(pynvml: ModuleType, gpu: Optional[str] = None) -> Tuple[Any, bool]:
    """(NVML handle, True if MIG) of a UUID, its beginning, a bus id, an index, or CUDA's first.

    Raises:
        RuntimeError: no GPU has that name; the message lists those there are.
    """
    name = _first_visible(pynvml) if gpu is None else str(gpu)
    if name.startswith("MIG-"):
        return _parent(pynvml, name), True
    found = [
        (each, uuid)
        for each, uuid, bus, index in _all(pynvml)
        if uuid.startswith(name) or name in (bus, str(index))
    ]
    if not found:
        raise RuntimeError(
            "nvml: no GPU {!r}; there are: {}".format(
                name, ", ".join(uuid for _, uuid, _, _ in _all(pynvml)) or "none"
            )
        )
    return found[0][0], _is_mig(pynvml, found[0][0])


def cuda_uuids() -> List[str]:
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


def _first_visible(pynvml: ModuleType) -> str:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = named.split(",")[0].strip() if named is not None else "0"
    if not first or first == "-1":
        raise RuntimeError("nvml: CUDA_VISIBLE_DEVICES={!r} hides every GPU".format(named))
    if first.startswith(("GPU-", "MIG-")):
        return first
    return (cuda_uuids() or [first])[0]  # an index of CUDA's need not be NVML's


def _all(pynvml: ModuleType) -> List[Tuple[Any, str, Optional[str], int]]:
    """(handle, UUID, bus id, index) of every GPU."""
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    return [
        (each, _text(pynvml.nvmlDeviceGetUUID(each)), _bus(pynvml, each), i)
        for i, each in enumerate(handles)
    ]


def _bus(pynvml: ModuleType, each: Any) -> Optional[str]:
    try:
        return _text(pynvml.nvmlDeviceGetPciInfo(each).busId)
    except pynvml.NVMLError:
        return None


def _parent(pynvml: ModuleType, name: str) -> Any:
    """The GPU that a MIG instance is a part of."""
    try:
        instance = pynvml.nvmlDeviceGetHandleByUUID(name)
        return pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(instance)
    except pynvml.NVMLError as error:
        raise RuntimeError("nvml: MIG instance {!r}: {}".format(name, error)) from None


def _is_mig(pynvml: ModuleType, each: Any) -> bool:
    try:
        return pynvml.nvmlDeviceGetMigMode(each)[0] == 1
    except pynvml.NVMLError:
        return False


def _text(value: Any) -> str:
    """NVML's text, which older bindings give as bytes."""
    return value.decode() if isinstance(value, bytes) else value


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
