"""Every backend that this machine can run equals NumPy, on any shape, stride, type and value."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.kernel_cases import INFINITIES, codes, values

from edgejoule.prune.kernels import backends, reference, threads
from edgejoule.prune.signcodes import signs

HERE = [name for name, why in backends.survey() if why is None and name not in ("cuda", "numpy")]
QUICK = settings(max_examples=40, deadline=None)
SEED = st.integers(0, 2**31)


@pytest.fixture(params=HERE, scope="module")
def backend(request):
    return backends.load(request.param)


def test_a_compiled_backend_is_here():
    """Where there is a compiler, silence would be a fall-back nobody asked for."""
    assert "portable" in HERE and signs.backends.fastest() is backends.load(HERE[0])


@QUICK
@given(
    rows=st.integers(0, 9),
    bits=st.integers(0, 700),
    gap=st.integers(0, 3),
    seed=SEED,
    integer=st.sampled_from(sorted(INFINITIES, key=str)),
    which=st.integers(0, 1),
)
def test_values(backend, rows, bits, gap, seed, integer, which):
    random = np.random.RandomState(seed)
    infinity = INFINITIES[integer][which % len(INFINITIES[integer])]
    x = values(random, (rows, bits + gap), integer, infinity)[:, :bits]
    expected = reference.pack(x, infinity)
    assert np.array_equal(backend.pack(x, infinity), expected)
    assert backend.nans(x, infinity) == reference.nans(x, infinity)
    stored = codes(random, expected.shape)
    distances = reference.hamming(expected, stored)
    assert np.array_equal(backend.pack_hamming(x, infinity, stored, stored), distances)
    assert np.array_equal(stored, expected), "the stored codes are renewed in place"


@QUICK
@given(
    rows_a=st.integers(0, 70),
    rows_b=st.integers(0, 70),
    words=st.integers(0, 40),
    gap=st.integers(0, 2),
    wide=st.booleans(),
    seed=SEED,
)
def test_codes(backend, rows_a, rows_b, words, gap, wide, seed):
    random = np.random.RandomState(seed)
    a, b = (codes(random, (rows, words + gap))[:, gap:] for rows in (rows_a, rows_b))
    dtype = np.int64 if wide else np.int32
    found = backend.cdist(a, b, dtype)
    assert found.dtype == dtype and np.array_equal(found, reference.cdist(a, b))
    assert np.array_equal(backend.cdist(a, a, dtype), reference.cdist(a, a))
    least = min(rows_a, rows_b)
    assert np.array_equal(
        backend.hamming(a[:least], b[:least]), reference.hamming(a[:least], b[:least])
    )
    assert np.array_equal(backend.popcount(a), reference.popcount(a))


@pytest.mark.parametrize("shape", [(65, 300), (200, 64), (1030, 9), (3, 5000)])
@pytest.mark.parametrize("count", [1, 3])
def test_blocks_and_threads(backend, shape, count, monkeypatch):
    """Several cache blocks and threads, work shared out by rows and by words."""
    monkeypatch.setattr(threads, "available", lambda: count)
    monkeypatch.setattr("edgejoule.prune.kernels.native.PAIRS", 1)
    monkeypatch.setattr("edgejoule.prune.kernels.native.BYTES", 1)
    random = np.random.RandomState(5)
    a, b = codes(random, shape), codes(random, (37, shape[1]))
    for dtype in (np.int32, np.int64):
        assert np.array_equal(backend.cdist(a, b, dtype), reference.cdist(a, b))
    if len(a) < 300 or backend.name == HERE[0]:
        assert np.array_equal(backend.cdist(a, a), reference.cdist(a, a))
    x = values(random, (shape[0], 100), np.int16, 0x7C00)
    assert np.array_equal(backend.pack(x, 0x7C00), reference.pack(x, 0x7C00))
    assert backend.nans(x, 0x7C00) == reference.nans(x, 0x7C00)


def test_arguments_that_would_read_wild_are_refused(backend):
    for rows, bits, infinity in [(2, 64, 0x7C01), (2, 64, 0)]:
        with pytest.raises(RuntimeError, match="signs_pack of backend .* returned 1"):
            backend.pack(np.zeros((rows, bits), np.int32), infinity)


@pytest.mark.parametrize("name", HERE)
def test_tensors_and_arrays_agree(name):
    x = torch.randn(9, 301)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        expected = signs.pack(x.to(dtype), backend="numpy")
        assert np.array_equal(signs.pack(x.to(dtype), backend=name), expected)
        assert np.array_equal(signs.pack(x.to(dtype).t().contiguous().t(), backend=name), expected)


@pytest.mark.parametrize(
    "length,work,count,expected",
    [(100, 10, 8, 1), (100, 20, 8, 2), (100, 10**6, 8, 8), (3, 10**6, 8, 3), (0, 0, 8, 1)],
)
def test_small_work_stays_in_one_thread(monkeypatch, length, work, count, expected):
    monkeypatch.setattr(threads, "available", lambda: count)
    parts = threads.split(length, work, 10)
    assert len(parts) == expected
    assert [i for part in parts for i in range(length)[part]] == list(range(length))


def test_triangles_are_shared_evenly(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: 4)
    parts = threads.split_triangle(6400, 10**9, 1)
    areas = [sum(6400 - i for i in range(part.start, part.stop)) for part in parts]
    assert max(areas) < 1.1 * min(areas) and all(part.start % 64 == 0 for part in parts)


def test_an_error_in_a_thread_reaches_the_caller():
    def fail():
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        threads.run([lambda: 1, fail])
