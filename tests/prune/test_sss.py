"""Sparse structure selection: scales by accelerated proximal gradient, folded, cut."""

import copy

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule.bench.architectures.cifar_resnets import CifarResNet
from edgejoule.prune import grouping
from edgejoule.prune.channelgates import hanging
from edgejoule.prune.channelgates.proximal import ProximalSteps, Scale, stepped
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import sss
from edgejoule.prune.settings import Cut


def naive(scales, gradients, rate, momentum, strength):
    """The rule of the paper, one number at a time in Python."""
    scales, velocity = list(scales), [0.0] * len(scales)
    for gradient in gradients:
        for j, g in enumerate(gradient):
            moved = scales[j] - rate * g
            z = max(abs(moved) - rate * strength, 0.0) * (1 if moved > 0 else -1)
            velocity[j] = z - scales[j] + momentum * velocity[j]
            scales[j] = max(0.0, z + momentum * velocity[j])
    return scales, velocity


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_first_two_steps_by_hand():
    scales, gradient = doubles(1, 0.05, 0.5), doubles(0.2, 0.1, -0.3)
    scales, velocity = stepped(scales, gradient, torch.zeros_like(scales), 0.1, 0.9, 0.2)
    assert velocity.tolist() == pytest.approx([-0.04, -0.03, 0.01])
    assert scales.tolist() == pytest.approx([0.924, 0, 0.519]) and scales[1] == 0
    scales, velocity = stepped(scales, gradient, velocity, 0.1, 0.9, 0.2)
    assert scales.tolist() == pytest.approx([0.8156, 0, 0.5461])


@pytest.mark.parametrize("aim, end", [(1.0, 0.8), (0.1, 0.0)])
def test_on_a_parabola_it_ends_at_the_soft_threshold(aim, end):
    scales, velocity = doubles(1), doubles(0)
    for _ in range(500):
        scales, velocity = stepped(scales, scales - aim, velocity, 0.1, 0.9, 0.2)
    assert float(scales) == pytest.approx(end, abs=1e-9) and (end or float(scales) == 0)


def test_steps_are_those_of_the_naive_rule():
    random = np.random.RandomState(0)
    gradients = random.normal(0, 1, (30, 5))
    gates = {"a": Scale(5).double()}
    step = ProximalSteps(gates, rate=0.1, momentum=0.9, strength=0.3)
    for each in gradients:
        gates["a"].factors.grad = torch.from_numpy(each.copy())
        step(nn.Identity())
        assert gates["a"].factors.grad is None, "the trainer's optimiser must not move it"
    expected, _ = naive([1.0] * 5, gradients, 0.1, 0.9, 0.3)
    assert gates["a"].factors.tolist() == pytest.approx(expected, abs=1e-12)
    gates["a"].factors.grad = doubles(*[float("nan")] * 5)
    step(nn.Identity())
    assert gates["a"].factors.tolist() == pytest.approx(expected, abs=1e-12), "overflowed"


def test_scales_of_one_change_nothing_and_others_fold():
    torch.manual_seed(0)
    model = small_net().double().eval()
    x = torch.randn(5, 3, 8, 8, dtype=torch.float64)
    groups = grouping.find(model, x[:1])
    gates = {group.name: Scale(group.channels) for group in groups}
    expected = model(x)
    with hanging.hung(model, gates, groups):
        assert torch.equal(model(x), expected)
        assert "1.gate.factors" in model.state_dict()
        with torch.no_grad():
            gates[groups[0].name].factors.copy_(torch.linspace(0, 2, 8))
        gated = model(x)
    assert not any("gate" in name for name in model.state_dict())
    assert torch.equal(model(x), expected)
    hanging.fold(model[1], gates[groups[0].name].factors.detach())
    assert torch.allclose(model(x), gated, atol=1e-12) and not torch.allclose(gated, expected)


def tracked(trainer):
    """The state of the network before the last cut, which `replace` is told of."""
    seen, replace = [], trainer.replace
    trainer.replace = lambda model: (seen.append(copy.deepcopy(trainer.model)), replace(model))
    return seen


def test_channels_that_reach_zero_leave_and_the_rest_computes_the_same():
    trainer = FakeTrainer(epochs=6)
    seen = tracked(trainer)
    outcome = sss.run(trainer, scale_strength=0.1)
    assert trainer.phases() == [("search", 6)] and not trainer.warnings
    zeros = outcome.facts["scales"]["zero"]
    assert 0 < zeros < 20 and outcome.facts["scales"]["channels"] == 20
    assert outcome.mask.kept == 20 - zeros == trainer.channels()
    folded = seen[-1].eval()
    assert torch.allclose(outcome.model.eval()(trainer.x), folded(trainer.x), atol=1e-6)
    assert not any("gate" in name for name in outcome.model.state_dict())


def test_a_ratio_removes_the_lowest_scales_exactly():
    trainer = FakeTrainer(epochs=3)
    outcome = sss.run(trainer, ratio=0.45, retrain="last", retrain_epochs=1)
    assert outcome.mask.kept == 11 and trainer.phases() == [("search", 3), ("retrain", 1)]
    trainer = FakeTrainer(epochs=3)
    seen = tracked(trainer)
    outcome = sss.run(trainer, ratio=0.45)
    small = masked(seen[-1], outcome.groups, outcome.mask).eval()
    assert torch.allclose(outcome.model.eval()(trainer.x), small(trainer.x), atol=1e-6)


def test_the_gates_come_to_what_the_trainer_s_gradients_say():
    """One step of plain SGD by hand, in float64, beside the recipe's."""
    trainer = FakeTrainer(small_net().double(), epochs=1, images=16, momentum=0.0)
    trainer.x, trainer.example = trainer.x.double(), trainer.example.double()
    twin = copy.deepcopy(trainer.model)
    norm, factors = twin[1], torch.ones(8, dtype=torch.float64, requires_grad=True)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    hidden = twin[2](norm(twin[0](trainer.x[order])) * factors.view(1, -1, 1, 1))
    loss = nn.functional.cross_entropy(twin[3:](hidden), trainer.y[order])
    (gradient,) = torch.autograd.grad(loss, [factors])
    expected, _ = naive([1.0] * 8, [gradient.tolist()], 0.1, 0.9, 1.0)
    groups, gates = grouping.find(trainer.model, trainer.example), {}
    for group in groups:
        gates[group.name] = Scale(group.channels)
    with hanging.hung(trainer.model, gates, groups), trainer.phase("search"):
        trainer.replace(trainer.model)
        trainer.train(1, penalty=ProximalSteps(gates, 0.1, 0.9, 1.0))
    assert gates[groups[0].name].factors.tolist() == pytest.approx(expected, abs=1e-12)


def test_without_a_zero_it_says_so_and_all_stay():
    trainer = FakeTrainer(epochs=1)
    outcome = sss.run(trainer, scale_strength=0.0)
    assert outcome.mask.kept == 20 and "no scale reached 0" in trainer.warnings[0]


def test_a_group_that_dies_whole_keeps_its_best():
    groups = grouping.find(small_net(), torch.zeros(1, 3, 8, 8))
    scores = {group.name: torch.zeros(group.channels) for group in groups}
    scores[groups[1].name][3] = 0.5
    dead = {name: each <= sss.GONE for name, each in scores.items()}
    mask = hanging.drawn(scores, groups, Cut(0.0, min_channels=2), "sss", dead)
    kept = [int(mask[group.name].sum()) for group in groups]
    assert kept == [2, 2] and bool(mask[groups[1].name][3]) and len(mask.notes) == 2


@pytest.mark.parametrize(
    "wrong", [{"scale_rate": 0.0}, {"scale_momentum": 1.0}, {"scale_strength": -1.0}]
)
def test_what_it_cannot_mean_is_refused(wrong):
    with pytest.raises(ValueError, match="a rate lies above 0"):
        sss.run(FakeTrainer(), **wrong)


def test_without_batch_norms_it_refuses():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 4))
    with pytest.raises(ValueError, match="sss can judge none of the 1 channel groups"):
        sss.run(FakeTrainer(net))


def test_it_finds_the_inner_channels_of_resnet20():
    torch.manual_seed(0)
    model, x = CifarResNet(3, 10, 3, shortcut="A", widths=(16, 32, 64)), torch.randn(4, 3, 32, 32)
    groups = grouping.find(model, x[:1], mode="inner")
    judged = hanging.gated(model, groups, "sss")
    assert [group.channels for group in judged] == [16] * 3 + [32] * 3 + [64] * 3
    expected = model.eval()(x)
    with hanging.hung(model, {g.name: Scale(g.channels) for g in judged}, judged):
        assert torch.equal(model(x), expected)
