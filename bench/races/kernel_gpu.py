"""The sign-code kernels on this machine's GPU: first exact, then timed by CUDA events.

Rates stand beside two bounds of the same run: a copy of device memory, and torch's matrix products
of +1/-1 values in int8 and bf16, which compute the same distances from 8 and 16 times the memory.
"""

from functools import partial
from statistics import median

import numpy as np
import torch

from edgejoule.bench.races.kernel_race import Result
from edgejoule.prune.kernels import backends, gpu, reference

REPEATS = 10
KINDS = {"popc": 0, "bits": 80, "bytes": 80}  # all-pairs kernels, from which capability on
SHAPES = [(3, 1), (70, 1000), (33, 2048), (5, 4097), (260, 20000)]
NOT_BITS = 100  # binary tensor cores are emulated from here on


def measure(repeats=REPEATS):
    """Results of every kernel; RuntimeError without a GPU or if a kernel is not exact."""
    driver = backends.load("cuda")
    if not torch.cuda.is_available():
        raise RuntimeError(
            "kernels: torch {} sees no GPU; install a torch with CUDA".format(torch.__version__)
        )
    exact(driver)
    found = []
    for make in (copying, packing, pairing, all_pairs):
        found += [timed(*entrant, repeats=repeats) for entrant in make(driver)]
        torch.cuda.empty_cache()
    return found


def exact(driver):
    """Raises RuntimeError unless every kernel equals NumPy on odd shapes and special values."""
    random = np.random.RandomState(0)
    for rows, bits in SHAPES:
        patterns = random.randint(-(2**31), 2**31, (rows, bits)).astype(np.int32)
        expected = reference.pack(patterns, 0x7F800000)
        codes = driver.pack(torch.from_numpy(patterns).cuda(), 0x7F800000)
        same("pack", codes, expected)
        other = torch.flip(codes, [0])
        mirrored = np.ascontiguousarray(expected[::-1])
        same("paired", driver.hamming(codes, other), reference.hamming(expected, mirrored))
        for kind in kinds(driver, codes):
            for dtype in (np.dtype(np.int32), np.dtype(np.int64)):
                same(
                    "all pairs, " + kind,
                    driver.cdist(codes, other, dtype, kind=kind),
                    reference.cdist(expected, mirrored, dtype),
                )


def same(what, found, expected):
    """Raises RuntimeError unless a tensor holds the expected numbers."""
    if not np.array_equal(found.cpu().numpy().view(expected.dtype), expected):
        raise RuntimeError("kernels: {} is wrong on {}".format(what, torch.cuda.get_device_name()))


def kinds(driver, tensor):
    """All-pairs kernels that the device of `tensor` has, as it is built for them."""
    capability = driver.capability(tensor)
    return [
        kind
        for kind, least in KINDS.items()
        if capability >= least and not (kind == "bits" and capability >= NOT_BITS)
    ]


def copying(driver):
    """(contest, who, unit, work, call) of a copy; its work counts bytes read and written."""
    source = torch.empty(room(), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    yield "copy", "torch", "GB/s", 2 * source.numel() / 1e9, lambda: target.copy_(source)


def packing(driver):
    """Packing and the fused form, in bytes of values read."""
    for dtype, infinity in ((torch.float32, 0x7F800000), (torch.float16, 0x7C00)):
        size = torch.empty(0, dtype=dtype).element_size()
        x = torch.randn((room() // size // 16384, 16384), device="cuda").to(dtype)
        stored = driver.pack(x, infinity)
        name, work = str(dtype).split(".")[1], x.numel() * size / 1e9
        yield "pack " + name, "edgejoule", "GB/s", work, partial(driver.pack, x, infinity)
        yield (
            "fused " + name,
            "edgejoule",
            "GB/s",
            work,
            partial(driver.pack_hamming, x, infinity, stored, stored),
        )


def pairing(driver):
    """Paired distances, in bytes of codes read."""
    a = torch.randint(-(2**62), 2**62, (room() // 16 // 1024, 1024), device="cuda")
    b = torch.flip(a, [0])
    yield "paired", "edgejoule", "GB/s", 16 * a.numel() / 1e9, lambda: driver.hamming(a, b)


def all_pairs(driver):
    """All-pairs distances of every kernel and of torch, in 10^9 pairs of bits."""
    processors = torch.cuda.get_device_properties(0).multi_processor_count
    for bits in (1024, 16384):
        rows = 16384 if processors > 32 else 2048
        codes = torch.randint(-(2**62), 2**62, (rows, bits // 64), device="cuda")
        name, work = "all pairs {} x {}".format(rows, bits), rows * rows * bits / 1e9
        for kind in kinds(driver, codes):
            yield (
                name,
                "edgejoule " + kind,
                "Gbit/s",
                work,
                partial(driver.cdist, codes, codes, np.dtype(np.int32), kind=kind),
            )
        values = torch.randint(0, 2, (rows, bits), device="cuda").to(torch.int8) * 2 - 1
        if hasattr(torch, "_int_mm"):
            product = partial(torch._int_mm, values, values.t())
            yield name, "torch _int_mm", "Gbit/s", work, product
        halves = values.to(torch.bfloat16)
        yield name, "torch bf16", "Gbit/s", work, partial(torch.mm, halves, halves.t())


def timed(contest, who, unit, work, call, repeats=REPEATS):
    """The result of one entrant, from CUDA events around each call."""
    for _ in range(3):
        call()
    seconds = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        seconds.append(start.elapsed_time(end) / 1000)
    return Result(contest, who, unit, work / min(seconds), work / median(seconds), seconds, None)


def room():
    """Bytes for one large input: an eighth of the device's memory, 4 GiB at most."""
    whole = torch.cuda.get_device_properties(0).total_memory
    return min(4 << 30, whole // 8) // (1 << 20) << 20


def lines(results):
    """A table for a terminal, one line per entrant."""
    yield "{}, torch {}".format(torch.cuda.get_device_name(), torch.__version__)
    yield "chosen for all pairs: {}".format(
        ", ".join("{} from {}.{}".format(kind, *divmod(least, 10)) for least, kind in gpu.ALL_PAIRS)
    )
    for each in results:
        yield "{:26} {:18} {:>10.4g} {:>10.4g} {}".format(
            each.contest, each.entrant, each.best, each.median, each.unit
        )
