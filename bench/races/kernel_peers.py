"""Other libraries that compute what the sign-code kernels do, each imported only if asked for.

None of them is a dependency; whatever is not installed is named in the result.
"""

import importlib
from typing import Any, Callable, Iterator, List, Sequence

import numpy as np

from edgejoule.bench.races.kernel_race import Entrant

NAMES = ("faiss", "numkong", "simsimd", "torch")


def missing(names: Sequence[str] = NAMES) -> List[str]:
    """Names of the peers that cannot be imported."""
    return [name for name in names if not there(name)]


def there(name: str) -> bool:
    """True if a peer can be imported."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def cdist(a: np.ndarray, b: np.ndarray) -> Iterator[Entrant]:
    """(name, call) of all-pairs distances of codes uint64 [rows, words]; each call returns them."""
    a, b = a.view(np.uint8), b.view(np.uint8)
    if there("faiss"):
        yield "FAISS hammings", faiss_cdist(a, b)
    if there("numkong"):
        import numkong

        packed = numkong.hammings_pack(b, "uint1")
        yield "NumKong hammings_packed", lambda: np.asarray(numkong.hammings_packed(a, packed))
    if there("simsimd") and len(a) * len(b) * a.shape[1] < 2**31:
        import simsimd

        yield (
            "SimSIMD cdist",
            lambda: np.asarray(simsimd.cdist(a, b, metric="hamming", dtype="bin8")),
        )


def symmetric(a: np.ndarray) -> Iterator[Entrant]:
    """(name, call) of distances of codes to themselves; NumKong fills the upper triangle only."""
    if there("numkong"):
        import numkong

        codes = a.view(np.uint8)
        yield (
            "NumKong hammings_symmetric",
            lambda: np.asarray(numkong.hammings_symmetric(codes, dtype="uint1")),
        )


def faiss_cdist(a: np.ndarray, b: np.ndarray) -> Callable[[], np.ndarray]:
    """A call of FAISS's all-pairs function on codes uint8 [rows, bytes]."""
    import faiss

    faiss.omp_set_num_threads(1)  # we race with one thread
    out = np.empty((len(a), len(b)), np.int32)

    def call() -> np.ndarray:
        faiss.hammings(
            faiss.swig_ptr(a), faiss.swig_ptr(b), len(a), len(b), a.shape[1], faiss.swig_ptr(out)
        )
        return out

    return call


def int8_product(bits_a: np.ndarray, bits_b: np.ndarray) -> Entrant:
    """(name, call) of torch's int8 matrix product of +1/-1 values [rows, bits], made before."""
    import torch

    a, b = (torch.from_numpy((2 * bits.astype(np.int8) - 1)) for bits in (bits_a, bits_b))
    b = b.t()
    return "torch _int_mm of +1/-1", lambda: torch._int_mm(a, b)


def hamming(a: np.ndarray, b: np.ndarray) -> Iterator[Entrant]:
    """(name, call) of paired distances of codes uint64 [rows, words]."""
    a, b = a.view(np.uint8), b.view(np.uint8)
    if there("simsimd"):
        import simsimd

        yield "SimSIMD hamming", lambda: np.asarray(simsimd.hamming(a, b, "bin8"))
    if there("numkong"):
        import numkong

        yield "NumKong hamming", lambda: np.asarray(numkong.hamming(a, b, dtype="uint1"))


def pack(x: np.ndarray) -> Iterator[Entrant]:
    """(name, call) of packing the signs of fp32 values [rows, bits]; FAISS calls 0 positive."""
    if there("faiss") and x.dtype == np.float32:
        import faiss

        out = np.empty((len(x), x.shape[1] // 8), np.uint8)
        yield (
            "FAISS real_to_binary",
            lambda: faiss.real_to_binary(x.size, faiss.swig_ptr(x), faiss.swig_ptr(out)),
        )
    if there("torch"):
        import torch

        values, out_bool = torch.from_numpy(x), torch.empty(x.shape, dtype=torch.bool)
        yield "torch gt, unpacked", lambda: torch.gt(values, 0, out=out_bool)


def without_avx512() -> Callable[[], Any]:
    """Switches NumKong's AVX-512 kernels off for this process; returns what switches them on."""
    import numkong

    names = [name for name, on in numkong.get_capabilities().items() if on]
    # these four get by with AVX2
    names = [name for name in names if name not in ("serial", "haswell", "alder", "sierra")]
    for name in names:
        numkong.disable_capability(name)
    return lambda: [numkong.enable_capability(name) for name in names]
