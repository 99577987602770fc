"""Sign codes of networks: known distances, metric axioms, layers, probes, packed size."""

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule.prune.signcodes import codes, signs


def coded(*layers):
    """Codes of arrays [probes, bits], one per layer."""
    arrays = [np.array(each, dtype=np.float32) for each in layers]
    names = [str(i) for i in range(len(arrays))]
    return codes.Codes(
        {n: signs.pack(a) for n, a in zip(names, arrays)},
        {n: a.shape[1] for n, a in zip(names, arrays)},
    )


def test_worked_example():
    a = coded([[1, -1, 2, 0], [-1, -1, 3, 1]])
    c = coded([[1, 1, -2, 0], [-1, -1, 3, 0]])
    assert codes.distance(a, c) == 0.375
    assert codes.distance(a, a) == 0


def test_opposite_signs_are_at_distance_one():
    values = np.random.RandomState(0).randn(5, 70)
    assert codes.distance(coded(values), coded(-values)) == 1


def test_weights():
    a, b = coded([[1, 1]], [[1] * 6]), coded([[-1, -1]], [[1] * 6])
    assert codes.distance(a, b, "layer_mean") == 0.5
    assert codes.distance(a, b, "bit_mean") == 0.25
    with pytest.raises(ValueError, match="layer_mean, bit_mean"):
        codes.distance(a, b, "mean")


def test_distance_is_a_metric():
    random = np.random.RandomState(3)
    a, b, c = (coded(random.randn(4, 90), random.randn(4, 7)) for _ in range(3))
    assert codes.distance(a, b) == codes.distance(b, a) > 0
    assert codes.distance(a, c) <= codes.distance(a, b) + codes.distance(b, c)


def test_only_layers_of_equal_width_are_compared():
    a, b = coded([[1, 1]], [[1, 1, 1]]), coded([[1, -1]], [[1, 1]])
    assert codes.by_layer(a, b) == {"0": 0.5}
    with pytest.raises(ValueError, match="no layer is common"):
        codes.distance(coded([[1]]), coded([[1, 1]]))


def test_layers_are_the_batch_norms_or_else_all_but_the_last():
    assert codes.layers(small_net()) == ["1", "4"]
    mlp = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2))
    assert codes.layers(mlp) == ["0", "2"]
    with pytest.raises(ValueError, match="no layer"):
        codes.codes(nn.Sequential(nn.Linear(3, 2)), [torch.randn(2, 3)])


def test_bits_are_the_signs_of_the_norm_s_output():
    model = small_net().eval()
    images = torch.randn(3, 3, 8, 8)
    found = codes.codes(model, [images[:2], images[2:]])
    assert found.bits == {"1": 8 * 64, "4": 12 * 64}
    expected = signs.pack(model[:2](images).detach().flatten(1))
    assert (found.words["1"] == expected).all()


def test_a_layer_that_is_called_twice_gives_the_bits_of_both_calls():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(5)

        def forward(self, x):
            return self.norm(self.norm(x) - 1)

    assert codes.codes(Twice(), [torch.randn(2, 5)]).bits == {"norm": 10}


def test_collecting_leaves_no_trace():
    model = small_net().train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    codes.codes(model, [torch.randn(4, 3, 8, 8)])
    assert model.training and not model[1].training and model[4].training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_independent_networks_are_about_half_apart():
    torch.manual_seed(0)
    probes = [torch.randn(64, 3, 8, 8)]
    a, b = small_net().train(), small_net().train()
    for model in (a, b):
        model(torch.randn(256, 3, 8, 8))
    shares = codes.by_layer(codes.codes(a, probes), codes.codes(b, probes))
    assert all(0.4 < share < 0.6 for share in shares.values())


def test_a_dead_norm_agrees_with_itself():
    a, b = small_net(), small_net()
    for model in (a, b):
        nn.init.zeros_(model[1].weight)
    probes = [torch.randn(4, 3, 8, 8)]
    assert codes.by_layer(codes.codes(a, probes), codes.codes(b, probes))["1"] == 0


@pytest.mark.parametrize(
    "kind, count, expected",
    [("train", 40, 40), ("test", 16, 16), ("random", 9, 9), ("grid2", 30, 25)],
)
def test_probes(kind, count, expected):
    found = codes.probes(FakeTrainer(), kind, count)
    assert sum(len(each) for each in found) == expected
    again = codes.probes(FakeTrainer(seed=5), kind, count)
    assert all(torch.equal(a, b) for a, b in zip(found, again))


def test_grid_spans_the_plane_of_two_images_of_different_classes():
    trainer = FakeTrainer()
    grid = codes.probes(trainer, "grid2", 9)[0]
    assert not grid[0].any()
    assert torch.equal(grid[6], trainer.x[0]) and torch.equal(grid[2], trainer.x[1])
    assert torch.allclose(grid[8], trainer.x[0] + trainer.x[1])
    with pytest.raises(ValueError, match="two classes"):
        codes.grid2([(trainer.x, torch.zeros(48))], 9)


def test_unknown_probes():
    with pytest.raises(ValueError, match="train, test, random, grid2"):
        codes.probes(FakeTrainer(), "val", 9)


def test_large_networks_have_the_known_number_of_bits():
    """276 480 bits per image for VGG-16 on CIFAR: packed codes are 1/32 of float32."""
    from edgejoule import plugins

    vgg16 = plugins.load("models", "vgg16")

    model = vgg16.build()
    found = codes.codes(model, [torch.randn(1, 3, 32, 32)])
    assert sum(found.bits.values()) == 276480
    assert sum(words.nbytes for words in found.words.values()) * 8 == 276480
