"""Variational pruning: drawn scales, their divergence, thresholds and the cut."""

import copy
import math

import pytest
import torch
from rigs.fake_trainer import FakeTrainer
from torch import nn

from edgejoule.bench.architectures.cifar_resnets import CifarResNet
from edgejoule.prune import grouping
from edgejoule.prune.channelgates import gaussian, hanging
from edgejoule.prune.channelgates.gaussian import Divergence, Gaussian
from edgejoule.prune.mask import masked
from edgejoule.prune.parity import parity
from edgejoule.prune.recipes import vcnnp


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def stirred(size=6):
    """A norm in float64 with gammas and betas of both signs, one gamma of 0 without a beta."""
    norm, random = nn.BatchNorm2d(size).double(), torch.Generator().manual_seed(2)
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
        tensor.normal_(generator=random)
    norm.weight.data[1] = norm.bias.data[1] = 0
    return norm


def noisy(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return lambda size: torch.randn(size, generator=generator, dtype=torch.float64)


def test_divergences_by_hand():
    mean, variance = doubles(0.3), doubles(0.25)
    assert float(gaussian.divergence(mean, variance, None)) == pytest.approx(0.18)
    assert float(gaussian.divergence(mean, variance, 1.0)) == pytest.approx(0.363147, abs=1e-6)
    up, across = gaussian.slopes(mean, variance, None)
    assert float(up) == pytest.approx(1.2) and float(across) == pytest.approx(-0.18)


@pytest.mark.parametrize("prior", [None, 1.0, 0.3])
def test_slopes_are_those_of_the_divergence(prior):
    mean = doubles(0.3, -1.2, 0.01).requires_grad_()
    log_variance = doubles(-1.0, 0.4, -6).requires_grad_()
    total = gaussian.divergence(mean, log_variance.exp(), prior).sum()
    found = torch.autograd.grad(total, [mean, log_variance])
    for slope, aim in zip(gaussian.slopes(mean, log_variance.exp(), prior), found):
        assert torch.allclose(slope, aim)


@pytest.mark.parametrize(
    "aim, prior, mean, deviation",
    [(1.0, None, 0.99293, 0.083792), (0.0, 1.0, 0.0, 0.0070709)],
)
def test_where_noise_costs_its_square_a_deviation_settles(aim, prior, mean, deviation):
    """The least of (mu - w)^2 + sigma^2 + tau KL, tau = 1e-4, on a fine grid by the divergence."""
    assert _cost(mean, deviation, aim, prior) < min(
        _cost(mean * a, deviation * b, aim, prior)
        for a, b in [(1.001, 1), (0.999, 1), (1, 1.01), (1, 0.99)]
        if mean or a == 1
    )


def _cost(mean, deviation, aim, prior):
    kl = gaussian.divergence(doubles(mean), doubles(deviation**2), prior)
    return (mean - aim) ** 2 + deviation**2 + 1e-4 * float(kl)


def test_both_thresholds_are_needed():
    mean, deviation = doubles(0.5, 0.01, -0.015, 0.01), doubles(0.005, 0.005, 0.02, 0.009)
    closed = gaussian.small(mean, deviation, 0.02, 0.01)
    assert closed.tolist() == [False, True, False, True]


def test_a_norm_written_anew_is_the_same_and_comes_back():
    norm, x = stirred().eval(), torch.randn(3, 6, 4, 4, dtype=torch.float64)
    before, expected = copy.deepcopy(norm.state_dict()), norm(x)
    gate = Gaussian(norm, noisy()).eval()
    assert norm.weight.tolist() == [1] * 6 and norm.bias.tolist() == [0] * 6
    assert torch.allclose(gate(norm(x)), expected, atol=1e-12)
    assert torch.allclose(gate.deviation, (0.1 * before["weight"].abs()).clamp(min=1e-4))
    gate.give_back(norm)
    assert torch.allclose(norm(x), expected, atol=1e-12)
    gate.kept[2] = False
    gate.give_back(norm)
    assert bool((norm(x)[:, 2] == 0).all())


def test_scales_are_drawn_once_per_channel_and_batch():
    norm, x = stirred().eval(), torch.randn(3, 6, 4, 4, dtype=torch.float64)
    gate = Gaussian(norm, noisy(5)).train()
    drawn = noisy(5)
    for _ in range(2):
        gamma = gate.mean + gate.deviation * drawn(6)
        aim = torch.stack([gamma[c] * (norm(x)[:, c] + gate.shift[c]) for c in range(6)], 1)
        assert torch.allclose(gate(norm(x)), aim, atol=1e-12)


def test_the_penalty_adds_the_divergence_and_holds_the_norm():
    norm = stirred()
    gate = Gaussian(norm, noisy())
    for parameter in list(norm.parameters()) + list(gate.parameters()):
        parameter.grad = torch.ones_like(parameter)
    gate.kept[0] = False
    Divergence({"a": gate}, {"a": norm}, 0.01, None)(norm)
    assert norm.weight.grad is None and norm.bias.grad is None
    assert gate.shift.grad.tolist() == [1] * 6
    for c in range(6):
        mu, variance = float(gate.mean.detach()[c]), float(gate.deviation.detach()[c]) ** 2
        on = 0.01 * (c > 0)
        assert float(gate.mean.grad[c]) == pytest.approx(1 + on * mu / variance)
        assert float(gate.log_variance.grad[c]) == pytest.approx(1 - on * mu**2 / (2 * variance))
    gate.log_variance.data.fill_(-100)
    Divergence({"a": gate}, {"a": norm}, 0.0, None)(norm)
    assert torch.allclose(gate.deviation, torch.full_like(gate.mean, gaussian.FLOOR))
    assert math.log(gaussian.FLOOR) > -50


def watched(trainer):
    """States before each cut or new optimiser."""
    seen, replace = [], trainer.replace
    trainer.replace = lambda model: (seen.append(copy.deepcopy(trainer.model)), replace(model))
    return seen


@pytest.mark.parametrize("prior", [None, 0.5])
def test_a_ratio_removes_the_lowest_and_nothing_is_drawn_any_more(prior):
    trainer = FakeTrainer(epochs=2)
    seen, names = watched(trainer), list(trainer.model.state_dict())
    outcome = vcnnp.run(trainer, ratio=0.5, prior=prior, variational_epochs=3)
    assert trainer.phases() == [("dense", 2), ("search", 3)]
    assert trainer.channels() == outcome.mask.kept == 10
    assert list(outcome.model.state_dict()) == names
    small = masked(seen[-1], outcome.groups, outcome.mask)
    assert parity(small, outcome.model, trainer.x, modes=(False,)) < 1e-5
    model = outcome.model.train()
    state = copy.deepcopy(model.state_dict())
    first = model(trainer.x)
    model.load_state_dict(state)
    assert torch.equal(model(trainer.x), first)


def test_the_folded_network_is_the_gated_one_in_evaluation():
    trainer, gated = FakeTrainer(epochs=1), []
    train = trainer.train

    def looking(*arguments, **more):
        done = train(*arguments, **more)
        if trainer.running == "search":
            with torch.no_grad():
                gated.append(trainer.model.eval()(trainer.x))
        return done

    trainer.train = looking
    outcome = vcnnp.run(trainer)
    assert "no channel had a mean below 0.02" in trainer.warnings[0]
    assert torch.allclose(outcome.model.eval()(trainer.x), gated[0], atol=1e-5)


def test_thresholds_close_channels_for_good():
    trainer = FakeTrainer(epochs=2)
    seen = watched(trainer)
    outcome = vcnnp.run(
        trainer, least_mean=0.995, least_deviation=9.0, variational_epochs=4, retrain_epochs=1
    )
    closed = outcome.facts["scales"]["closed"]
    assert 0 < closed < 19 and outcome.mask.kept == 20 - closed == trainer.channels()
    dead = [(seen[-1][place].weight == 0) for place in (1, 4)]
    assert [int(each.sum()) for each in dead] == [
        int((~outcome.mask[group.name]).sum()) for group in outcome.groups
    ]


def test_a_layer_keeps_some():
    trainer = FakeTrainer(epochs=1)
    outcome = vcnnp.run(trainer, least_mean=9.0, least_deviation=9.0, min_channels=3)
    assert [int(each.sum()) for each in outcome.mask.values()] == [3, 3]


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"prior": 0.0}, "a prior's deviation lies above 0"),
        ({"divergence_strength": -1.0}, "a strength starts at 0"),
        ({"variational_epochs": 0}, "epochs at 1"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        vcnnp.run(FakeTrainer(), **wrong)


def test_it_hangs_on_the_inner_norms_of_resnet20():
    torch.manual_seed(0)
    model = CifarResNet(3, 10, 3, shortcut="B", widths=(16, 32, 64)).eval()
    x = torch.randn(4, 3, 32, 32)
    groups = grouping.find(model, x[:1], mode="inner")
    expected = model(x)
    norms = hanging.norms_of(model, groups)
    gates = {name: Gaussian(norm, noisy()) for name, norm in norms.items()}
    assert len(gates) == 9
    with hanging.hung(model, gates, groups):
        assert torch.allclose(model.eval()(x), expected, atol=1e-5)
