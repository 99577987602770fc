"""Sign codes: our fastest compiled kernel against NumPy, the reference of every backend."""

import numpy as np
import pytest

from edgejoule.bench.races import kernel_contests
from edgejoule.prune.signcodes import signs


@pytest.fixture(scope="module", autouse=True)
def compiled():
    if not kernel_contests.here():
        pytest.skip("no compiled kernel here: it would be NumPy against NumPy")


def test_paired_distances(against):
    """4096 pairs of 4096 bits."""
    a, b = kernel_contests.codes(4096, 4096, 0), kernel_contests.codes(4096, 4096, 1)
    ours = against(
        lambda: signs.hamming(a, b),
        lambda: signs.hamming(a, b, backend="numpy"),
        "NumPy",
        calls=800,
    )
    assert np.array_equal(ours, signs.hamming(a, b, backend="numpy"))


def test_all_distances(against):
    """256 x 256 pairs of 4096 bits."""
    a, b = kernel_contests.codes(256, 4096, 0), kernel_contests.codes(256, 4096, 1)
    ours = against(
        lambda: signs.cdist(a, b), lambda: signs.cdist(a, b, backend="numpy"), "NumPy", calls=400
    )
    assert np.array_equal(ours, signs.cdist(a, b, backend="numpy"))


def test_packing(against):
    """1024 rows of 4096 values."""
    x = kernel_contests.values(1024, 4096, np.float32)
    ours = against(
        lambda: signs.pack(x), lambda: signs.pack(x, backend="numpy"), "NumPy", calls=160
    )
    assert np.array_equal(ours, signs.pack(x, backend="numpy"))
