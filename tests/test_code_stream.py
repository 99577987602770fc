"""Codes renewed in place: the same distances as two whole sets, half the memory."""
import numpy as np
import pytest
import torch
from torch import nn

from prune import codes
from prune.code_stream import Stream


class Twice(nn.Module):
    """One batch norm called twice in a forward pass."""

    def __init__(self):
        super(Twice, self).__init__()
        self.inner = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x):
        return self.norm(torch.relu(self.norm(self.inner(x))))


def net():
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(),
                         nn.Linear(180, 4))


def moved(model):
    with torch.no_grad():
        for each in model.parameters():
            each.add_(0.3 * torch.randn_like(each))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_equals_two_whole_sets(dtype):
    torch.manual_seed(0)
    model, batches = net().to(dtype), [torch.randn(n, 3, 8, 8).to(dtype) for n in (4, 3)]
    stream = Stream(7)
    assert stream.see(model, batches) is None
    before = codes.codes(model, batches)
    moved(model)
    shares = stream.see(model, batches)
    after = codes.codes(model, batches)
    assert shares == codes.by_layer(before, after) and 0 < shares["1"] < 1
    assert np.array_equal(stream.words["1"], after.words["1"]) and stream.bits == after.bits
    assert stream.see(model, batches) == {"1": 0}
    assert stream.nbytes == 7 * 3 * 8 and stream.seconds > 0


def test_a_layer_called_twice_has_two_codes():
    stream = Stream(5)
    model, batches = Twice(), [torch.randn(5, 6)]
    stream.see(model, batches)
    assert sorted(stream.words) == ["norm", "norm#2"]
    assert not model.norm._forward_hooks and model.training


def test_other_probes_and_other_widths_are_refused():
    stream = Stream(5)
    with pytest.raises(ValueError, match="4 probe images, the codes are of 5"):
        stream.see(net(), [torch.randn(4, 3, 8, 8)])
    stream.see(net(), [torch.randn(5, 3, 8, 8)])
    with pytest.raises(ValueError, match="has 80 outputs, its codes are of 180"):
        stream.see(net()[:3], [torch.randn(5, 3, 6, 6)])
