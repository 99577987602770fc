"""The CUDA backend: the driver found through ctypes, no CUDA headers and no toolkit needed to import."""
import ctypes


def load():
    """The CUDA backend of this machine's driver."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise RuntimeError("signs: backend 'cuda' needs an NVIDIA driver (libcuda.so.1), which this "
                           "machine lacks") from None
