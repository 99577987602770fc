"""The sign code: its definition on special values, its layout, its distances, its refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgejoule.prune.signcodes import operands, signs

SPECIALS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    float("inf"),
    float("-inf"),
    float("nan"),
    -float("nan"),
    1e-45,
    -1e-45,
    6e-8,
    3e38,
]


def bits(code, count):
    """The first `count` bits of one row of words, as a list."""
    return [int(code[j // 64] >> np.uint64(j % 64)) & 1 for j in range(count)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_special_values(dtype):
    x = torch.tensor([SPECIALS]).to(dtype)
    expected = [int(value > 0) for value in x[0].float().tolist()]
    assert bits(signs.pack(x)[0], len(SPECIALS)) == expected


def test_denormals_survive_flush_to_zero():
    """torch's own x > 0 says False for a denormal in this mode; the code must not."""
    x = torch.tensor([[1e-45]])
    if not torch.set_flush_denormal(True):
        pytest.skip("this CPU cannot flush denormals")
    try:
        assert not (x > 0).any() and signs.pack(x) == 1
    finally:
        torch.set_flush_denormal(False)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 5), width=st.integers(0, 200), seed=st.integers(0, 2**31))
def test_layout_and_zero_tail(rows, width, seed):
    x = np.random.RandomState(seed).randn(rows, width).astype(np.float32)
    code = signs.pack(x)
    assert code.dtype == np.uint64 and code.shape == (rows, -(-width // 64))
    for row in range(rows):
        padded = [int(value > 0) for value in x[row]] + [0] * (code.shape[1] * 64 - width)
        assert bits(code[row], code.shape[1] * 64) == padded


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 200), st.integers(0, 2**31))
def test_distances_count_differing_bits(rows_a, rows_b, width, seed):
    random = np.random.RandomState(seed)
    a, b = (random.randn(rows, width).astype(np.float32) for rows in (rows_a, rows_b))
    expected = ((a > 0)[:, None, :] != (b > 0)[None, :, :]).sum(axis=2)
    found = signs.cdist(signs.pack(a), signs.pack(b))
    assert found.dtype == np.int32 and np.array_equal(found, expected)
    rows = min(rows_a, rows_b)
    paired = signs.hamming(signs.pack(a[:rows]), signs.pack(b[:rows]))
    assert paired.dtype == np.int64 and np.array_equal(paired, np.diagonal(expected)[:rows])


def test_strided_rows_and_tensors_give_the_same_code():
    x = torch.randn(8, 301)
    assert np.array_equal(signs.pack(x[::2, 1:]), signs.pack(x[::2, 1:].contiguous().numpy()))
    assert np.array_equal(signs.pack(x.t()), signs.pack(x.t().contiguous()))


def test_nans_are_counted():
    x = torch.tensor([SPECIALS])
    assert [signs.nans(x.to(dtype)) for dtype in (torch.float32, torch.float16)] == [2, 2]


def test_fused_codes_and_distances():
    old, new = (np.random.RandomState(i).randn(3, 130).astype(np.float32) for i in (0, 1))
    stored = signs.pack(old)
    fresh, distances = signs.pack_hamming(new, stored)
    assert np.array_equal(fresh, signs.pack(new)) and np.array_equal(stored, signs.pack(old))
    assert np.array_equal(distances, signs.hamming(fresh, stored))
    kept, again = signs.pack_hamming(new, stored, out=stored)
    assert kept is stored and np.array_equal(stored, fresh) and np.array_equal(again, distances)


def test_distances_go_where_they_are_asked_to():
    a = signs.pack(np.random.RandomState(0).randn(40, 300).astype(np.float32))
    out = np.empty((40, 7), np.int64)
    assert signs.cdist(a, a[:7], dtype=np.int64, out=out) is out
    assert np.array_equal(out, signs.cdist(a, a[:7], backend="numpy"))
    for wrong in (np.empty((40, 7), np.int32), np.empty((7, 40), np.int64), out[:, ::-1]):
        with pytest.raises(ValueError, match="`out` must be contiguous"):
            signs.cdist(a, a[:7], dtype=np.int64, out=wrong)


def test_long_rows_count_in_int64():
    assert operands.counter(2**25 - 1) == np.int32 and operands.counter(2**25) == np.int64
    with pytest.raises(ValueError, match="use int64"):
        operands.counter(2**25, np.int32)


def test_popcount():
    code = np.array([[2**64 - 1, 1], [0, 3]], dtype=np.uint64)
    assert signs.popcount(code).tolist() == [65, 2]


def test_what_is_refused():
    code = signs.pack(np.ones((2, 70), np.float32))
    for call, words in [
        (lambda: signs.pack(np.ones((2, 2))), "float64"),
        (lambda: signs.pack(np.ones(2, np.float32)), r"\[rows, bits\]"),
        (lambda: signs.hamming(code, code[:1]), "cdist"),
        (lambda: signs.cdist(code, code[:, :1]), "same words per row"),
        (lambda: signs.cdist(code, code, dtype=np.int8), "int32 and int64"),
        (lambda: signs.pack_hamming(np.ones((3, 70), "f4"), code), "same images"),
        (lambda: signs.pack_hamming(np.ones((2, 70), "f4"), code, code[::-1]), "contiguous"),
        (lambda: signs.hamming([[1]], code), "uint64 arrays"),
        (lambda: signs.hamming(code, code, backend="cuda"), "CUDA tensors"),
        (lambda: signs.hamming(code.astype(np.int64), code), "uint64"),
        (lambda: signs.hamming(code, code, backend="sve"), "there are: "),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
