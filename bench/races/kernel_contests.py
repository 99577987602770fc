"""What is raced: every sign-code kernel against the speed of memory and other libraries.

Each contest first checks that its entrants agree, then hands their calls to
`bench.races.kernel_race`.
"""

import ctypes
import hashlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Callable, Iterator, List, Sequence

import numpy as np

from edgejoule.bench.races import kernel_peers
from edgejoule.bench.races.kernel_race import Contest, Entrant
from edgejoule.prune.kernels import backends, builder, native
from edgejoule.prune.signcodes import signs

SOURCE = Path(__file__).with_name("read_bound.c")
PAIRS = ((2048, 1024), (1024, 16384), (160, 1 << 24))  # rows, bits
SMALLEST = 1024  # rows of a quick race
OURS = "edgejoule {}".format
HUGE_BITS = 1 << 22  # codes this long are for the fastest kernel alone: the others take too long


def contests(with_peers: bool = False, quick: bool = False) -> Iterator[Contest]:
    """Contests one after another, each made when it is reached and freed before the next."""
    rows_here = SMALLEST if quick else 8 * SMALLEST
    for rows, bits in PAIRS:
        yield all_pairs(rows, max(256, bits // 8) if quick else bits, with_peers)
    yield symmetric(rows_here // 8, 16384, with_peers)
    yield paired(6 * rows_here, 16384, with_peers)
    yield paired(rows_here, 1024, with_peers)
    for dtype in (np.float32, np.float16):
        yield packing(rows_here, 16384, dtype, with_peers)
        yield fused(rows_here, 16384, dtype)
    if "avx2" in here() and with_peers and kernel_peers.there("numkong"):
        for rows, bits in PAIRS[:2]:
            yield all_pairs_avx2(rows, bits)


def here() -> List[str]:
    """Names of the compiled backends of this machine, fastest first."""
    return [name for name in builder.candidates() if backends.reason(name) is None]


def codes(rows: int, bits: int, seed: int) -> np.ndarray:
    """Random codes uint64 [rows, words]."""
    return np.random.RandomState(seed).randint(0, 2**64, (rows, bits // 64), dtype=np.uint64)


def all_pairs(rows: int, bits: int, with_peers: bool) -> Contest:
    """All-pairs distances, in 10^9 pairs of bits a second."""
    a, b = codes(rows, bits, 0), codes(rows, bits, 1)
    out = native.aligned((rows, rows), np.int32)
    entrants: List[Entrant] = [
        (OURS(name), partial(signs.cdist, a, b, backend=name, out=out))
        for name in here()
        if bits < HUGE_BITS or name == here()[0]
    ]
    if with_peers:
        entrants += list(kernel_peers.cdist(a, b))
    if with_peers and kernel_peers.there("torch") and bits < 1 << 17:
        entrants.append(kernel_peers.int8_product(unpacked(a), unpacked(b)))
    # a product of +1 and -1 is bits - 2 * distance, which is no distance and is not compared
    checked([entrant for entrant in entrants if "_int_mm" not in entrant[0]])
    return Contest(
        "all pairs {} x {}".format(rows, bits),
        "Gbit/s",
        rows * rows * bits / 1e9,
        tuple(entrants),
        OURS(here()[0]),
    )


def all_pairs_avx2(rows: int, bits: int) -> Contest:
    """Our AVX2 kernel against NumKong's, whose AVX-512 kernels are off during the calls."""
    import numkong

    a, b = codes(rows, bits, 0), codes(rows, bits, 1)
    out = native.aligned((rows, rows), np.int32)
    enable = kernel_peers.without_avx512()
    packed = numkong.hammings_pack(b.view(np.uint8), "uint1")
    enable()

    def theirs() -> np.ndarray:
        restore = kernel_peers.without_avx512()
        try:
            return np.asarray(numkong.hammings_packed(a.view(np.uint8), packed))
        finally:
            restore()

    entrants: List[Entrant] = [
        (OURS("avx2"), lambda: signs.cdist(a, b, backend="avx2", out=out)),
        ("NumKong without AVX-512", theirs),
    ]
    checked(entrants)
    return Contest(
        "all pairs {} x {}, AVX2".format(rows, bits),
        "Gbit/s",
        rows * rows * bits / 1e9,
        tuple(entrants),
        OURS("avx2"),
    )


def symmetric(rows: int, bits: int, with_peers: bool) -> Contest:
    """Distances of codes to themselves; pairs are counted as if both halves were computed."""
    a, out = codes(rows, bits, 0), native.aligned((rows, rows), np.int32)
    entrants: List[Entrant] = [
        (OURS(name), partial(signs.cdist, a, a, backend=name, out=out)) for name in here()
    ]
    checked(entrants)
    if with_peers:  # they fill one half only, so they are not compared
        entrants += list(kernel_peers.symmetric(a))
    return Contest(
        "symmetric {} x {}".format(rows, bits),
        "Gbit/s",
        rows * rows * bits / 1e9,
        tuple(entrants),
        OURS(here()[0]),
    )


def paired(rows: int, bits: int, with_peers: bool) -> Contest:
    """Row-by-row distances, in 10^9 bytes of codes read a second."""
    a, b = codes(rows, bits, 0), codes(rows, bits, 1)
    entrants: List[Entrant] = [
        (OURS(name), partial(signs.hamming, a, b, backend=name)) for name in here() + ["numpy"]
    ]
    if with_peers:
        entrants += list(kernel_peers.hamming(a, b))
    checked(entrants)
    entrants.append(("reading", lambda: (read(a), read(b))))
    return Contest(
        "paired {} x {}".format(rows, bits),
        "GB/s",
        2 * a.nbytes / 1e9,
        tuple(entrants),
        OURS(here()[0]),
    )


def packing(rows: int, bits: int, dtype: Any, with_peers: bool) -> Contest:
    """Packing signs, in 10^9 bytes of values read a second."""
    x = values(rows, bits, dtype)
    entrants: List[Entrant] = [
        (OURS(name), partial(signs.pack, x, backend=name)) for name in here()
    ]
    checked(entrants)
    entrants.append(("np.packbits(x > 0)", lambda: np.packbits(x > 0, axis=1, bitorder="little")))
    if with_peers:
        entrants += list(kernel_peers.pack(x))
    entrants.append(("reading", lambda: read(x)))
    return Contest(
        "pack {} {} x {}".format(np.dtype(dtype).name, rows, bits),
        "GB/s",
        x.nbytes / 1e9,
        tuple(entrants),
        OURS(here()[0]),
    )


def fused(rows: int, bits: int, dtype: Any) -> Contest:
    """Packing and comparing in one pass, against two calls, in 10^9 bytes of values a second."""
    x = values(rows, bits, dtype)
    stored = codes(rows, bits, 3)
    out = np.empty_like(stored)
    entrants: List[Entrant] = [
        (OURS("fused"), lambda: signs.pack_hamming(x, stored, out=out)[1]),
        ("pack, then paired", lambda: signs.hamming(signs.pack(x), stored)),
    ]
    checked(entrants)
    entrants.append(("reading", lambda: read(x)))
    return Contest(
        "fused {} {} x {}".format(np.dtype(dtype).name, rows, bits),
        "GB/s",
        x.nbytes / 1e9,
        tuple(entrants),
        OURS("fused"),
    )


def values(rows: int, bits: int, dtype: Any) -> np.ndarray:
    """Normal values [rows, bits], a few random rows repeated."""
    some = np.random.RandomState(0).randn(16, bits).astype(dtype)
    return np.ascontiguousarray(np.tile(some, (-(-rows // 16), 1))[:rows])


def unpacked(words: np.ndarray) -> np.ndarray:
    """Bits [rows, bits] of codes, one per byte."""
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")


def checked(entrants: Sequence[Entrant]) -> None:
    """Compares what all entrants return.

    Raises:
        RuntimeError: two of them return other numbers.
    """
    results = [(name, np.array(call())) for name, call in entrants]
    for name, result in results[1:]:
        if not np.array_equal(result.astype(np.int64), results[0][1].astype(np.int64)):
            raise RuntimeError(
                "kernels: {} and {} disagree; the race is void".format(results[0][0], name)
            )


def read(array: np.ndarray) -> int:
    """A sum of an array's 8-byte words: the array was read at the speed of memory."""
    return reader()(array.ctypes.data, array.nbytes // 8)


@lru_cache(maxsize=None)
def reader() -> Callable[[int, int], int]:
    """The compiled read_bound.c: a function of an address and a number of 8-byte words."""
    command = [builder.compiler(), "-xc", "-O3", "-march=native", "-fPIC", "-shared", str(SOURCE)]
    text = repr(command).encode("utf8") + SOURCE.read_bytes()
    path = builder.cache() / "read-{}.so".format(hashlib.sha256(text).hexdigest()[:16])
    if not path.exists():
        builder.place(path, lambda temporary: builder.run(command + ["-o", temporary]))
    function = ctypes.CDLL(str(path)).read_bound
    function.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    return function
