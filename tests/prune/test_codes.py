"""Sign codes of networks: known distances, metric axioms, layers, probes, packed size."""

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule import plugins
from edgejoule.prune.recipes import early_bird
from edgejoule.prune.signcodes import coded_layers, codes, signs


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


@pytest.mark.parametrize("rule", coded_layers.RULES)
def test_layers_are_the_batch_norms_or_else_all_but_the_last(rule):
    assert coded_layers.names(small_net(), torch.randn(1, 3, 8, 8), rule) == ["1", "4"]
    mlp = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2))
    assert coded_layers.names(mlp, torch.randn(1, 4), rule) == ["0", "2"]
    with pytest.raises(ValueError, match="no layer"):
        codes.codes(nn.Sequential(nn.Linear(3, 2)), [torch.randn(2, 3)])


def built(name):
    """(network of the zoo, four images for it)."""
    module = plugins.load("models", name)
    torch.manual_seed(0)
    return module.build(), torch.randn((4,) + tuple(module.INPUT_SHAPE))


@pytest.mark.parametrize("kind", codes.PROBES)
@pytest.mark.parametrize("weights", codes.WEIGHTS)
def test_hidden_layers_without_a_norm_have_codes_beside_norms(kind, weights):
    """AlexNet of the spline paper: norms in its convolutions, none in its two linear layers."""
    model, images = built("alexnet_spline")
    trainer = FakeTrainer(nn.Linear(1, 1), images=32)
    trainer.x = torch.randn(32, 3, 32, 32)
    trainer.example = trainer.x[:1]
    images = [each[:4] for each in codes.probes(trainer, kind, 16)]
    before = codes.codes(model, images)
    with torch.no_grad():
        for each in (model[17], model[19]):
            each.weight.neg_()
            each.bias.neg_()
    after = codes.codes(model, images)
    shares = codes.by_layer(before, after)
    assert shares["17"] == 1 and shares["19"] > 0
    assert codes.distance(before, after, weights) > 0.1
    norms = coded_layers.names(model, images[0], "norms")
    assert set(shares) - set(norms) == {"17", "19"} and not any(shares[name] for name in norms)


@pytest.mark.parametrize("name", ["vgg16", "preresnet101", "resnet20", "wrn_16_4", "mlp5"])
def test_networks_with_norms_everywhere_have_the_codes_of_their_norms_alone(name):
    model, images = built(name)
    norms = coded_layers.names(model, images[:1], "norms")
    found, before = codes.codes(model, [images]), codes.codes(model, [images], norms)
    assert list(found.words) == list(before.words) and found.bits == before.bits
    assert all((found.words[each] == before.words[each]).all() for each in norms)


class Branching(nn.Module):
    """Units that enter a ReLU through a pool, a sum, in place, as a function, or never."""

    def __init__(self):
        super().__init__()
        self.pooled = nn.Conv2d(3, 4, 3, padding=1)
        self.left, self.right = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.normed, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.linear, self.leaky = nn.Conv2d(4, 4, 1), nn.Linear(4, 6)
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.pooled(x), 2).relu_()
        x = torch.relu(self.left(x) + self.right(x))
        x = self.norm(self.normed(x)).relu()
        x = nn.functional.dropout(self.linear(x), 0.5, self.training).mean((2, 3))
        return self.last(nn.functional.leaky_relu(self.leaky(x)))


def test_a_layer_is_coded_where_its_values_enter_a_kink():
    images = torch.randn(2, 3, 8, 8)
    expected = ["pooled", "left", "right", "norm", "leaky"]
    model = Branching()
    assert coded_layers.names(model, images) == expected
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert coded_layers.names(model, images) == expected, "a frozen network is no other"
    assert coded_layers.names(model, images, "norms") == ["norm"]
    assert images.grad is None and not images.requires_grad


def test_smooth_networks_keep_all_but_the_last():
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 2))
    assert coded_layers.names(model, torch.randn(1, 4)) == ["0", "2"]


def test_a_relu_in_place_may_come_first():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 5), nn.ReLU(True), nn.Linear(5, 2))
    images = -torch.ones(1, 4)
    assert coded_layers.names(model, images) == ["1"] and (images == -1).all()


def test_a_search_takes_the_authors_rule_by_name():
    tickets = []
    for options in ({}, {"code_layers": "hidden"}, {"code_layers": "norms"}):
        trainer = FakeTrainer(half_normed(), epochs=4)
        outcome = early_bird.run(
            trainer, ratio=0.5, criterion="l2", probe_images=32, epsilon=0.0, **options
        )
        tickets.append(outcome.ticket.distances)
    assert tickets[0] == tickets[1] != tickets[2]
    for options, word in (
        ({"code_layers": "all"}, "hidden, norms"),
        ({"code_layers": "norms", "detector": "mask"}, "code_layers has no effect"),
    ):
        with pytest.raises(ValueError, match=word):
            early_bird.run(FakeTrainer(), ratio=0.5, **options)


def half_normed():
    """One hidden layer with a norm, one without: [n, 3, 8, 8] -> [n, 4]."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 4),
    )


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
    vgg16 = plugins.load("models", "vgg16")

    model = vgg16.build()
    found = codes.codes(model, [torch.randn(1, 3, 32, 32)])
    assert sum(found.bits.values()) == 276480
    assert sum(words.nbytes for words in found.words.values()) * 8 == 276480
