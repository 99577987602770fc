"""The CUDA kernels and their launches: run on an emulator here, on a GPU where there is one.

The emulator stands in for libcuda: same function names, same grids, same arguments by pointer.
"""

import ctypes
import os
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from rigs.kernel_cases import INFINITIES, codes, values

from edgejoule.bench.races import kernel_gpu
from edgejoule.prune.kernels import backends, builder, cuda_build, cuda_driver, gpu, reference
from edgejoule.prune.signcodes import operands, signs

RIGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rigs")
STREAM = 0x5EED
SHAPES = [(1, 1), (3, 64), (2, 1000), (2, 1024), (3, 1030), (1, 3333), (5, 100), (2, 2048)]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """The emulated driver, built with the kernels' own sources."""
    path = str(tmp_path_factory.mktemp("cuda") / "libcuda.so")
    command = [
        builder.compiler(),
        "-O2",
        "-std=c++14",
        "-fPIC",
        "-shared",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unknown-pragmas",
        "-I",
        str(builder.SOURCES),
        "-I",
        RIGS,
        os.path.join(RIGS, "cuda_emulator.cpp"),
        "-o",
        path,
    ]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert built.returncode == 0, built.stdout.decode()
    return ctypes.CDLL(path)


@pytest.fixture
def driver(emulator, monkeypatch):
    @contextmanager
    def no_stream(tensor):
        yield STREAM

    monkeypatch.setattr(cuda_driver, "stream_of", no_stream)
    return gpu.Driver(emulator, lambda capability: b"emulated")


def capability(emulator, number):
    ctypes.c_int.in_dll(emulator, "capability").value = number


def tensor(words):
    """Codes as a GPU holds them."""
    return torch.from_numpy(np.ascontiguousarray(words).view(np.int64))


def same(found, expected):
    return np.array_equal(found.numpy().view(np.asarray(expected).dtype), expected)


def check_values(driver, rows, bits, integer, infinity, gap):
    """Packing, the fused form and the NaN count of rows `gap` elements apart equal NumPy."""
    random = np.random.RandomState(rows * bits + gap)
    x = values(random, (rows, bits + gap), integer, infinity)
    device_x, x = torch.from_numpy(x)[:, :bits], x[:, :bits]
    expected = reference.pack(x, infinity)
    assert same(driver.pack(device_x, infinity), expected)
    stored = codes(random, expected.shape)
    kept = tensor(stored.copy())
    renewed, distances = driver.pack_hamming(device_x, infinity, kept, kept)
    assert renewed is kept and same(kept, expected)
    assert same(distances, reference.hamming(expected, stored))
    assert driver.nans(device_x, infinity) == reference.nans(x, infinity)


def check_codes(driver, rows_a, rows_b, words):
    """All-pairs, paired distances and popcounts equal NumPy."""
    random = np.random.RandomState(words)
    a, b = codes(random, (rows_a, words)), codes(random, (rows_b, words))
    for dtype in (np.dtype(np.int32), np.dtype(np.int64)):
        found = driver.cdist(tensor(a), tensor(b), dtype)
        assert same(found, reference.cdist(a, b, dtype))
    least = min(rows_a, rows_b)
    assert same(
        driver.hamming(tensor(a[:least]), tensor(b[:least])),
        reference.hamming(a[:least], b[:least]),
    )
    assert same(driver.popcount(tensor(a)), reference.popcount(a))


@pytest.mark.parametrize("rows,bits", SHAPES)
def test_values(driver, rows, bits):
    for integer, infinities in INFINITIES.items():
        for infinity in infinities:
            for gap in (0, 1, 8):
                check_values(driver, rows, bits, integer, infinity, gap)


@pytest.mark.parametrize("number,kind", [(62, "popc"), (87, "bits"), (100, "bytes")])
@pytest.mark.parametrize(
    "rows_a,rows_b,words", [(1, 1, 1), (3, 70, 9), (70, 5, 16), (20, 130, 25), (4, 4, 130)]
)
def test_codes(driver, emulator, number, kind, rows_a, rows_b, words):
    capability(emulator, number)
    assert driver.all_pairs(torch.zeros(1)) == kind
    check_codes(driver, rows_a, rows_b, words)


@pytest.mark.parametrize("number", [62, 87, 100])
def test_extreme_codes(driver, emulator, number):
    """All ones against none: every count at its largest, the diagonal zero."""
    capability(emulator, number)
    a = np.array([[2**64 - 1] * 40, [0] * 40], dtype=np.uint64)
    found = driver.cdist(tensor(a), tensor(a), np.dtype(np.int32))
    assert found.tolist() == [[0, 2560], [2560, 0]]


@pytest.mark.parametrize("kind", sorted(gpu.SIDES))
def test_the_bench_checks_exactness_first(driver, emulator, monkeypatch, kind):
    """What `edgejoule kernels gpu` asks of a GPU before it times it, asked of the emulator."""
    capability(emulator, 87)
    monkeypatch.setattr(kernel_gpu, "KINDS", {kind: 0})
    monkeypatch.setattr(kernel_gpu, "SHAPES", [(3, 1), (7, 1000)])
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    kernel_gpu.exact(driver)
    monkeypatch.setattr(driver, "hamming", lambda a, b: driver.popcount(a))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "emulator")
    with pytest.raises(RuntimeError, match="paired is wrong on emulator"):
        kernel_gpu.exact(driver)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_signs_hands_cuda_tensors_to_the_driver(driver, monkeypatch, dtype):
    monkeypatch.setattr(signs, "on_gpu", lambda x: True)
    monkeypatch.setattr(backends, "gpu", lambda name: driver)
    x, y = torch.randn(3, 100).to(dtype), torch.randn(3, 100).to(dtype)
    a, b = (reference.pack(*operands.patterns(each)) for each in (x, y))
    on_a, on_b = signs.pack(x), signs.pack(y)
    out = torch.zeros((3, 3), dtype=torch.int32)
    assert same(on_a, a) and same(signs.hamming(on_a, on_b), reference.hamming(a, b))
    assert signs.cdist(on_a, on_b, out=out) is out
    assert same(out, reference.cdist(a, b, np.int32))
    assert same(signs.popcount(on_a), reference.popcount(a)) and signs.nans(x) == 0
    renewed, moved = signs.pack_hamming(y, on_a, out=on_a)
    assert renewed is on_a and same(on_a, b) and same(moved, reference.hamming(a, b))


def test_empty_inputs(driver):
    for rows, words in [(0, 3), (2, 0), (0, 0)]:
        check_codes(driver, rows, 2, words)
    for shape in [(0, 10), (2, 0)]:
        assert driver.pack(torch.zeros(shape, dtype=torch.int32), 0x7F800000).numel() == 0


@pytest.mark.parametrize("kind, most", sorted(gpu.MOST_WORDS.items()))
@pytest.mark.parametrize("processors", [1, 2, 20, 132])  # from a Nano to an H200
def test_a_share_never_overflows_its_counts(kind, most, processors):
    """2^25 words would overflow an int32, 2^18 the byte form's."""
    for words in (1, 17, most - 1, most, most + 1, 5 * most, 100 * most + 3):
        for rows in (1, 5000):
            grid, share = gpu.tiling(rows, rows, words, kind, processors)
            assert share <= most and share % 16 == 0
            assert (grid[2] - 1) * share < words <= grid[2] * share


def test_launches_go_to_the_stream_that_is_current(driver, emulator):
    driver.popcount(torch.zeros((1, 4), dtype=torch.int64))
    assert ctypes.c_void_p.in_dll(emulator, "last_stream").value == STREAM


def test_launch_failures_are_named(driver, emulator):
    x = torch.zeros((1, 64), dtype=torch.int32)
    with pytest.raises(RuntimeError, match="signs_nothing failed: CUDA_ERROR_NOT_FOUND"):
        driver.launch(x, "signs_nothing", (1, 1, 1), [x])
    with pytest.raises(RuntimeError, match="signs_nans_32 failed: CUDA_ERROR_INVALID_VALUE"):
        driver.launch(x, "signs_nans_32", (1, 70000, 1), [x])


def test_codes_of_another_kind_are_refused(driver):
    with pytest.raises(ValueError, match="int64 tensors"):
        driver.popcount(torch.zeros(2, 2))
    with pytest.raises(ValueError, match="contiguous int64 tensor"):
        stored = torch.zeros((2, 2), dtype=torch.int64)
        driver.pack_hamming(torch.zeros((2, 128)), 0x7F800000, stored, stored.t())


def test_without_a_driver_the_reason_is_named():
    if backends.reason("cuda") is None:
        pytest.skip("there is an NVIDIA driver here")
    assert "libcuda.so.1" in backends.reason("cuda")


@pytest.mark.skipif(not cuda_build.compilers(), reason="neither nvcc nor an NVRTC here")
def test_an_image_is_built_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    image = cuda_build.image(75)
    assert b"signs_cdist_popc_4" in image and image[:4] in (b"\x7fELF", b"//\n/")
    monkeypatch.setattr(cuda_build, "compile_to", lambda *found: pytest.fail("built twice"))
    assert cuda_build.image(75) == image


def test_a_machine_without_any_compiler_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(cuda_build, "compilers", list)
    with pytest.raises(RuntimeError, match="add /usr/local/cuda/bin to the PATH"):
        cuda_build.image(62)


def test_sources_name_every_file_they_include():
    texts = cuda_build.sources()
    included = {
        line.split('"')[1]
        for text in texts.values()
        for line in text.splitlines()
        if line.startswith('#include "')
    }
    assert included - set(texts) == {"cuda_emulator.hpp"}


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_real_gpu_equals_numpy(dtype):
    for rows, bits in SHAPES + [(300, 10000)]:
        x, y = torch.randn(rows, bits).to(dtype), torch.randn(rows, bits).to(dtype)
        a, b = signs.pack(x, backend="numpy"), signs.pack(y, backend="numpy")
        assert same(signs.pack(x.cuda()).cpu(), a)
        on_a, on_b = tensor(a).cuda(), tensor(b).cuda()
        assert same(signs.cdist(on_a, on_b).cpu(), reference.cdist(a, b, np.int32))
        assert same(signs.pack_hamming(x.cuda(), on_b)[1].cpu(), reference.hamming(a, b))
