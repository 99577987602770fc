"""Codes renewed in place: the same distances as two whole sets, half the memory."""

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer
from torch import nn

from edgejoule.prune.recipes import early_bird
from edgejoule.prune.signcodes import codes
from edgejoule.prune.signcodes.code_stream import Stream


class Twice(nn.Module):
    """One batch norm called twice in a forward pass."""

    def __init__(self):
        super(Twice, self).__init__()
        self.inner = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x):
        return self.norm(torch.relu(self.norm(self.inner(x))))


def net():
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(180, 4)
    )


def moved(model):
    with torch.no_grad():
        for each in model.parameters():
            each.add_(0.3 * torch.randn_like(each))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_equals_two_whole_sets(dtype):
    torch.manual_seed(0)
    model, batches = net().to(dtype), [torch.randn(n, 3, 8, 8).to(dtype) for n in (4, 3)]
    stream = Stream(batches)
    assert stream.see(model) is None
    before = codes.codes(model, batches)
    moved(model)
    shares = stream.see(model)
    after = codes.codes(model, batches)
    assert shares == codes.by_layer(before, after) and 0 < shares["1"] < 1
    kept = np.concatenate([block.words for block in stream.blocks["1"]])
    assert np.array_equal(kept, after.words["1"]) and stream.bits == after.bits
    assert stream.see(model) == {"1": 0}
    assert stream.nbytes == 7 * 3 * 8 and stream.seconds > 0


def test_a_layer_called_twice_counts_once_with_the_bits_of_both_calls():
    torch.manual_seed(0)
    model, batches = Twice(), [torch.randn(n, 6) for n in (5, 5, 2)]
    stream = Stream(batches)
    stream.see(model)
    before = codes.codes(model, batches)
    moved(model)
    shares, after = stream.see(model), codes.codes(model, batches)
    assert shares == codes.by_layer(before, after) and shares["norm"] > 0
    assert stream.bits == after.bits == {"norm": 12}
    assert not model.norm._forward_hooks and model.training


def test_what_follows_in_place_leaves_the_codes_alone():
    """A shortcut added in place must not be taken for the batch norm's output."""

    class Shortcut(nn.Module):
        def __init__(self):
            super(Shortcut, self).__init__()
            self.norm = nn.BatchNorm1d(6)

        def forward(self, x):
            out = self.norm(x)
            out -= 9
            return out

    model, images = Shortcut().eval(), torch.ones(2, 6)
    stream = Stream([images])
    stream.see(model)
    for words in (codes.codes(model, [images]).words["norm"], stream.blocks["norm"][0].words):
        assert words.tolist() == [[0b111111]] * 2


@pytest.mark.parametrize("weights", codes.WEIGHTS)
def test_a_search_records_the_distances_of_whole_sets(weights):
    searched, plain = FakeTrainer(epochs=6), FakeTrainer(epochs=6)
    images, states = codes.probes(plain, "train", 40), []
    ticket = early_bird.run(
        searched, ratio=0.5, criterion="l2", probe_images=40, epsilon=0.0, weights=weights
    ).ticket
    with plain.phase("search"):
        plain.train(6, after_epoch=lambda epoch: states.append(codes.codes(plain.model, images)))
    expected = [codes.distance(b, a, weights) for a, b in zip(states, states[1:])]
    assert list(ticket.distances) == [None] + expected and max(expected) > 0


def test_a_cut_network_is_refused():
    stream = Stream([torch.randn(5, 6)])
    stream.see(nn.Sequential(nn.Linear(6, 70), nn.BatchNorm1d(70)))
    with pytest.raises(ValueError, match="has 66 outputs, its codes are of 70"):
        stream.see(nn.Sequential(nn.Linear(6, 66), nn.BatchNorm1d(66)))
