"""The operators inside torch: the same results, shapes without values, a graph without breaks."""

import numpy as np
import pytest
import torch

from edgejoule.prune.kernels import torch_ops
from edgejoule.prune.signcodes import signs

new = pytest.mark.skipif(not torch_ops.possible(), reason="needs torch 2.4")


@new
def test_operators_equal_the_functions():
    ops = torch_ops.register()
    x, y = torch.randn(5, 130), torch.randn(3, 130)
    a, b = ops.pack(x), ops.pack(y)
    assert np.array_equal(a.numpy().view(np.uint64), signs.pack(x))
    assert np.array_equal(ops.cdist(a, b).numpy(), signs.cdist(signs.pack(x), signs.pack(y)))
    assert np.array_equal(ops.hamming(a[:3], b).numpy(), np.diagonal(ops.cdist(a, b).numpy()))
    assert torch_ops.register() is ops, "twice is once"


@new
def test_shapes_are_known_without_values():
    ops = torch_ops.register()
    a, b = torch.empty(5, 130, device="meta"), torch.empty(3, 130, device="meta")
    assert ops.pack(a).shape == (5, 3) and ops.pack(a).dtype == torch.int64
    assert ops.cdist(ops.pack(a), ops.pack(b)).shape == (5, 3)
    assert ops.hamming(ops.pack(b), ops.pack(b)).shape == (3,)


@new
def test_compiled_graphs_are_whole():
    ops = torch_ops.register()

    def distances(x, y):
        return ops.hamming(ops.pack(x * 2), ops.pack(y))

    x, y = torch.randn(4, 70), torch.randn(4, 70)
    whole = torch.compile(distances, backend="eager", fullgraph=True)
    assert torch.equal(whole(x, y), distances(x, y))


def test_an_older_torch_is_named(monkeypatch):
    monkeypatch.setattr(torch_ops, "possible", lambda: False)
    with pytest.raises(
        RuntimeError, match="torch 2.4; this is torch .*; call edgejoule.prune.signcodes.signs"
    ):
        torch_ops.register()
