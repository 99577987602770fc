"""The sign-code kernels on this machine's GPU: first exact, then timed by CUDA events.

Rates stand beside two bounds of the same run: a copy of device memory, and torch's matrix products
of +1/-1 values in int8 and bf16, which compute the same distances from 8 and 16 times the memory.
"""

from functools import partial
from statistics import median
from typing import Any, Callable, Iterator, List, NamedTuple, Sequence

import numpy as np
import torch

from edgejoule.bench.races.kernel_race import Result
from edgejoule.prune.kernels import backends, gpu, reference

REPEATS = 10
KINDS = {"popc": 0, "bits": 80, "bytes": 80}  # all-pairs kernels, from which capability on
SHAPES = [(3, 1), (70, 1000), (33, 2048), (5, 4097), (260, 20000)]
NOT_BITS = 100  # binary tensor cores are emulated from here on


class Task(NamedTuple):
    """One entrant of a contest: its name, the work of one call in `unit`, and the call."""

    contest: str
    who: str
    unit: str
    work: float
    call: Callable[[], Any]


def measure(repeats: int = REPEATS) -> List[Result]:
    """Results of every kernel.

    Raises:
        RuntimeError: there is no GPU, or a kernel is not exact.
    """
    driver = backends.load("cuda")
    if not torch.cuda.is_available():
        raise RuntimeError(
            "kernels: torch {} sees no GPU; install a torch with CUDA".format(torch.__version__)
        )
    exact(driver)
    found: List[Result] = []
    for make in (copying, packing, pairing, all_pairs):
        found += [timed(task, repeats) for task in make(driver)]
        torch.cuda.empty_cache()  # the next one's arrays fill an eighth of the memory again
    return found


def exact(driver: Any) -> None:
    """Compares every kernel with NumPy on odd shapes and special values.

    Raises:
        RuntimeError: one of them is wrong.
    """
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


def same(what: str, found: torch.Tensor, expected: np.ndarray) -> None:
    """Compares a tensor with the expected numbers.

    Raises:
        RuntimeError: they differ.
    """
    if not np.array_equal(found.cpu().numpy().view(expected.dtype), expected):
        raise RuntimeError("kernels: {} is wrong on {}".format(what, torch.cuda.get_device_name()))


def kinds(driver: Any, tensor: torch.Tensor) -> List[str]:
    """All-pairs kernels that the device of `tensor` has, as it is built for them."""
    capability = driver.capability(tensor)
    return [
        kind
        for kind, least in KINDS.items()
        if capability >= least and not (kind == "bits" and capability >= NOT_BITS)
    ]


def copying(driver: Any) -> Iterator[Task]:
    """A copy within the device's memory; its work counts bytes read and written."""
    source = torch.empty(room(), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    work = 2 * source.numel() / 1e9
    yield Task("copy", "torch", "GB/s", work, lambda: target.copy_(source))


def packing(driver: Any) -> Iterator[Task]:
    """Packing and the fused form, in bytes of values read."""
    for dtype, infinity in ((torch.float32, 0x7F800000), (torch.float16, 0x7C00)):
        size = torch.empty(0, dtype=dtype).element_size()
        x = torch.randn((room() // size // 16384, 16384), device="cuda").to(dtype)
        stored = driver.pack(x, infinity)
        name, work = str(dtype).split(".")[1], x.numel() * size / 1e9
        pack = partial(driver.pack, x, infinity)
        fused = partial(driver.pack_hamming, x, infinity, stored, stored)
        yield Task("pack " + name, "edgejoule", "GB/s", work, pack)
        yield Task("fused " + name, "edgejoule", "GB/s", work, fused)


def pairing(driver: Any) -> Iterator[Task]:
    """Paired distances, in bytes of codes read."""
    a = torch.randint(-(2**62), 2**62, (room() // 16 // 1024, 1024), device="cuda")
    b = torch.flip(a, [0])
    work = 16 * a.numel() / 1e9
    yield Task("paired", "edgejoule", "GB/s", work, lambda: driver.hamming(a, b))


def all_pairs(driver: Any) -> Iterator[Task]:
    """All-pairs distances of every kernel and of torch, in 10^9 pairs of bits."""
    processors = torch.cuda.get_device_properties(0).multi_processor_count
    for bits in (1024, 16384):
        rows = 16384 if processors > 32 else 2048  # on the GPU of a board
        codes = torch.randint(-(2**62), 2**62, (rows, bits // 64), device="cuda")
        name, work = "all pairs {} x {}".format(rows, bits), rows * rows * bits / 1e9
        for kind in kinds(driver, codes):
            call = partial(driver.cdist, codes, codes, np.dtype(np.int32), kind=kind)
            yield Task(name, "edgejoule " + kind, "Gbit/s", work, call)
        values = torch.randint(0, 2, (rows, bits), device="cuda").to(torch.int8) * 2 - 1
        if hasattr(torch, "_int_mm"):
            product = partial(torch._int_mm, values, values.t())
            yield Task(name, "torch _int_mm", "Gbit/s", work, product)
        halves = values.to(torch.bfloat16)
        yield Task(name, "torch bf16", "Gbit/s", work, partial(torch.mm, halves, halves.t()))


def timed(task: Task, repeats: int = REPEATS) -> Result:
    """The result of one entrant, from CUDA events around each call."""
    for _ in range(3):  # the clocks rise, and memory is allocated
        task.call()
    seconds = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        task.call()
        end.record()
        end.synchronize()
        seconds.append(start.elapsed_time(end) / 1000)
    best, middle = task.work / min(seconds), task.work / median(seconds)
    return Result(task.contest, task.who, task.unit, best, middle, seconds, None)


def room() -> int:
    """Bytes for one large input: an eighth of the device's memory, 4 GiB at most."""
    whole = torch.cuda.get_device_properties(0).total_memory
    return min(4 << 30, whole // 8) // (1 << 20) << 20


def lines(results: Sequence[Result]) -> Iterator[str]:
    """A table for a terminal, one line per entrant."""
    yield "{}, torch {}".format(torch.cuda.get_device_name(), torch.__version__)
    yield "chosen for all pairs: {}".format(
        ", ".join("{} from {}.{}".format(kind, *divmod(least, 10)) for least, kind in gpu.ALL_PAIRS)
    )
    for each in results:
        yield "{:26} {:18} {:>10.4g} {:>10.4g} {}".format(
            each.contest, each.entrant, each.best, each.median, each.unit
        )
