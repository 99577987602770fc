"""Centripetal SGD: clusters of filters contract, and are merged without a change."""

import copy

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule.bench.architectures.cifar_resnets import CifarResNet
from edgejoule.bench.architectures.preact_resnets import PreactResNet
from edgejoule.prune import grouping, shrink
from edgejoule.prune.channelgates import clusters
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.parity import parity
from edgejoule.prune.recipes import csgd


def chosen(model, x, mode, count):
    """{group: (sides, clusters)} with `count(channels)` clusters each, by k-means."""
    groups = grouping.find(model, x[:1], mode=mode)
    return groups, {
        group.name: (
            clusters.sides(model, group),
            clusters.k_means(clusters.points(model, group), count(group.channels), 0),
        )
        for group in groups
    }


def collapse(model, found):
    """Gives every channel the filter, vectors and statistics of the first of its cluster."""
    named = dict(list(model.named_parameters()) + list(model.named_buffers()))
    with torch.no_grad():
        for both, assigned in found.values():
            for part in both.writing:
                tensor = named[part.tensor]
                for channel, cluster in enumerate(assigned):
                    first = int(np.flatnonzero(assigned == cluster)[0])
                    for to, at in zip(part.indices[channel], part.indices[first]):
                        tensor.select(part.axis, to).copy_(tensor.select(part.axis, at))


def stirred(model):
    """Random statistics and affine parameters, so that no two channels are equal by default."""
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.double()


class Separable(nn.Module):
    """A convolution, a depthwise and a pointwise one, flattened into a linear layer."""

    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.b = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.c = nn.Conv2d(6, 4, 1)
        self.fc = nn.Linear(4 * 16, 5)

    def forward(self, x):
        x = self.b(torch.relu(self.norm(self.a(x))))
        x = nn.functional.avg_pool2d(torch.relu(self.c(x)), 2)
        return self.fc(x.flatten(1))


NETWORKS = {
    "chain": (small_net, "inner"),
    "separable": (Separable, "inner"),
    "inner": (lambda: PreactResNet(1, 4, 3), "inner"),
    "coupled": (lambda: PreactResNet(1, 4, 3), "coupled"),
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_clusters_that_have_met_are_merged_without_a_change(name):
    build, mode = NETWORKS[name]
    torch.manual_seed(0)
    model, x = stirred(build()), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    groups, found = chosen(model, x, mode, lambda size: (size + 1) // 2)
    collapse(model, found)
    before = copy.deepcopy(model).eval()
    assert all(clusters.spread(model, *each) < 1e-12 for each in found.values())
    mask = Mask({name: clusters.merge(model, *each) for name, each in found.items()})
    assert [int(mask[group.name].sum()) for group in groups] == [
        (group.channels + 1) // 2 for group in groups
    ]
    small = shrink.shrink(model, x[:1], groups, mask).eval()
    assert parity(before, model, x, modes=(False,)) < 1e-9
    assert parity(before, small, x, modes=(False,)) < 1e-9
    assert parity(masked(model, groups, mask), small, x, modes=(False,)) < 1e-9


def naive(weight, gradient, assigned, rate, decay, strength):
    """One step of equation 3, filter by filter."""
    found = weight.copy()
    for j, cluster in enumerate(assigned):
        mates = [i for i in range(len(weight)) if assigned[i] == cluster]
        mean = sum(gradient[i] for i in mates) / len(mates)
        centre = sum(weight[i] for i in mates) / len(mates)
        found[j] = weight[j] - rate * (mean + decay * weight[j] + strength * (weight[j] - centre))
    return found


def test_a_step_is_the_papers():
    torch.manual_seed(0)
    model, x = stirred(small_net()), torch.randn(6, 3, 8, 8, dtype=torch.float64)
    _, found = chosen(model, x, "inner", lambda size: size // 3)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.2, weight_decay=0.01)
    nn.functional.cross_entropy(model(x), torch.arange(6) % 4).backward()
    before = {key: value.detach().numpy().copy() for key, value in model.named_parameters()}
    given = {key: value.grad.numpy().copy() for key, value in model.named_parameters()}
    clusters.Centripetal(found, 0.3, 0.1)(model)
    optimiser.step()
    (first, one), (second, two) = [(key, each[1]) for key, each in found.items()]
    expected = {
        "0.weight": (one, 0.3),
        "1.weight": (one, 0.03),
        "1.bias": (one, 0.03),
        "3.weight": (two, 0.3),
        "4.weight": (two, 0.03),
        "8.weight": (np.arange(4), 0.0),
        "8.bias": (np.arange(4), 0.0),
    }
    for key, (assigned, strength) in expected.items():
        aim = naive(before[key], given[key], assigned, 0.2, 0.01, strength)
        assert np.allclose(dict(model.named_parameters())[key].detach().numpy(), aim, atol=1e-12)


def test_the_spread_contracts_by_the_rate_times_the_pull():
    torch.manual_seed(0)
    model, x = stirred(small_net()), torch.randn(6, 3, 8, 8, dtype=torch.float64)
    _, found = chosen(model, x, "inner", lambda size: size // 4)
    both, assigned = found["0"]
    step = clusters.Centripetal(found, 0.5, 0.1)
    weight = model[0].weight

    def apart():
        return weight.detach() - clusters.averaged(weight, both.writing[0], assigned)

    for _ in range(3):
        before = apart()
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        step(model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.2 * parameter.grad
        assert torch.allclose(apart(), before * (1 - 0.2 * 0.5), atol=1e-12)
    assert float(before.abs().max()) > 0.01


def test_means_of_clusters_by_hand():
    from edgejoule.prune.groups import Slice

    part = Slice("w", 1, ((0,), (1,), (2,)))
    found = clusters.averaged(torch.tensor([[1.0, 5, 3], [2.0, 7, 4]]), part, np.array([0, 1, 0]))
    assert found.tolist() == [[2, 5, 2], [3, 7, 3]]


def test_k_means_finds_planted_clusters_and_leaves_none_empty():
    random = np.random.RandomState(0)
    centres = random.normal(0, 10, (3, 5))
    truth = np.array([0, 1, 2, 0, 1, 2, 0, 0])
    found = clusters.k_means(centres[truth] + random.normal(0, 0.1, (8, 5)), 3, seed=4)
    assert len({(a, b) for a, b in zip(truth, found)}) == 3
    assert sorted(np.bincount(clusters.k_means(np.zeros((6, 2)), 4, 0))) == [1, 1, 1, 3]
    assert clusters.even(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert np.bincount(clusters.even(64, 16)).tolist() == [4] * 16


@pytest.mark.parametrize("way", csgd.WAYS)
def test_training_makes_filters_meet_and_the_cut_network_answers_the_same(way):
    trainer = FakeTrainer(epochs=2, momentum=0.0)
    kept, replace = [], trainer.replace
    trainer.replace = lambda model: (kept.append(copy.deepcopy(trainer.model)), replace(model))
    outcome = csgd.run(trainer, ratio=0.5, clusters=way, pull=9.0, vector_share=1.0, pull_epochs=24)
    assert trainer.phases() == [("dense", 2), ("search", 24)]
    assert trainer.channels() == 10 and outcome.mask.kept == 10
    assert outcome.facts["clusters"]["spread"] < 0.01 and not trainer.warnings
    assert outcome.facts["clusters"]["output_change"] < 0.01
    whole = kept[-1].eval()
    assert parity(whole, outcome.model, trainer.x, modes=(False,)) < 1e-5


def test_filters_that_have_not_met_are_told_and_none_is_trained_by_default():
    trainer = FakeTrainer(epochs=1)
    outcome = csgd.run(trainer, ratio=0.5, pull_epochs=2, retrain="last", retrain_epochs=1)
    assert trainer.phases() == [("dense", 1), ("search", 2), ("retrain", 1)]
    assert outcome.facts["clusters"]["spread"] > 0.01
    assert "from their centres when they were merged" in trainer.warnings[0]


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"clusters": "odd"}, "there are: kmeans, even"),
        ({"pull": 0.0}, "both lie above 0"),
        ({"pull_epochs": 0}, "one epoch or more"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        csgd.run(FakeTrainer(), ratio=0.5, **wrong)


class Halves(nn.Module):
    """A convolution whose filters read a half of the channels each."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3, groups=2)

    def forward(self, x):
        return self.b(self.a(x)).mean((2, 3))


def test_what_cannot_be_merged_is_refused():
    groups = grouping.find(Halves(), torch.zeros(1, 3, 8, 8))
    assert all(clusters.sides(Halves(), group) is None for group in groups)


def test_channels_that_an_index_leaves_out_are_not_merged():
    trainer = FakeTrainer(PreactResNet(1, 4, 3), epochs=1)
    outcome = csgd.run(trainer, ratio=0.5, mode="select", pull_epochs=1)
    assert any("csgd cannot merge" in each for each in trainer.warnings)
    assert outcome.mask.kept < outcome.mask.channels


def test_it_finds_the_clusters_of_resnet20():
    torch.manual_seed(0)
    model = CifarResNet(3, 10, 3, shortcut="B", widths=(16, 32, 64)).double()
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    groups, found = chosen(model, x, "coupled", lambda size: size // 2)
    assert all(both is not None for both, _ in found.values()) and len(found) == len(groups) > 9
    collapse(model, found)
    before = copy.deepcopy(model)
    for each in found.values():
        clusters.merge(model, *each)
    assert parity(before, model, x, modes=(False,)) < 1e-9
