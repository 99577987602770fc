"""Regularizers against the autograd of their penalties, closed forms, effects on a training."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn

from edgejoule import plugins
from edgejoule.prune.recipes import iterative, one_shot
from edgejoule.prune.regularizers import group_hs, hoyer_square, polarization
from edgejoule.prune.settings import Regularizer


def hoyer(w):
    return w.abs().sum() ** 2 / (w**2).sum()


def group_hoyer(w):
    """By two loops over the channels of either end."""
    inputs = sum((w[:, c] ** 2).sum().sqrt() for c in range(w.shape[1]))
    outputs = sum((w[o] ** 2).sum().sqrt() for o in range(w.shape[0]))
    return (inputs**2 + outputs**2) / (w**2).sum()


def polarized(g, t):
    return t * g.abs().sum() - (g - g.mean()).abs().sum()


def double_net():
    torch.manual_seed(0)
    model = small_net().double()
    for norm in (model[1], model[4]):
        norm.weight.data.uniform_(0, 1)
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def added(model, act):
    """What a regularizer adds to gradients that are there already, by parameter."""
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    act()
    return {name: parameter.grad - 1 for name, parameter in model.named_parameters()}


def by_autograd(model, value):
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(value(parameters), list(parameters.values()), allow_unused=True)
    return {
        name: torch.zeros_like(parameters[name]) if each is None else each
        for name, each in zip(parameters, found)
    }


@pytest.mark.parametrize("module, value", [(hoyer_square, hoyer), (group_hs, group_hoyer)])
def test_pulls_on_weights_are_the_gradient_of_their_penalty(module, value):
    model, groups = double_net()
    found = added(model, lambda: module.penalty(model, groups, strength=0.3))
    expected = by_autograd(
        model, lambda all_: 0.3 * sum(value(each) for each in all_.values() if each.dim() > 1)
    )
    assert all(torch.allclose(found[name], expected[name], atol=1e-12) for name in expected)
    assert found["3.weight"].abs().max() > 1e-3, "it pulls at all"
    assert not found["1.weight"].any() and not found["8.bias"].any()


@pytest.mark.parametrize("t", [0.0, 1.0, 1.4])
def test_polarization_is_the_gradient_of_its_penalty_the_mean_included(t):
    model, groups = double_net()
    found = added(model, lambda: polarization.penalty(model, groups, strength=0.3, t=t))
    expected = by_autograd(
        model,
        lambda all_: 0.3 * polarized(torch.cat([all_["1.weight"], all_["4.weight"]]), t),
    )
    assert all(torch.allclose(found[name], expected[name], atol=1e-12) for name in expected)
    assert found["1.weight"].abs().max() > 1e-3


@pytest.mark.parametrize(
    "weights, expected", [([1, 0, 0, 0], 1), ([1, 1, 1, 1], 4), ([3, 4], 1.96)]
)
def test_hoyer_square_of_known_tensors(weights, expected):
    """The gradient of H_S(w) along w - c, integrated numerically, recovers known differences."""
    assert float(hoyer(torch.tensor(weights).double())) == pytest.approx(expected)
    end, start = torch.tensor(weights).double(), torch.tensor([2.0, 1.0, 3.0, 2.5]).double()
    start, steps = start[: len(end)], 4000
    slope = sum(
        float(
            (hoyer_square.gradient(start + (i + 0.5) / steps * (end - start)) * (end - start)).sum()
        )
        for i in range(steps)
    )
    assert slope / steps == pytest.approx(expected - float(hoyer(start)), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    strategies.lists(strategies.integers(-9, 9), min_size=12, max_size=12).filter(any),
    strategies.sampled_from([0.25, 2.0, 64.0]),
)
@pytest.mark.parametrize("module", [hoyer_square, group_hs])
def test_pulls_stand_at_a_right_angle_to_the_weights_and_know_no_scale(module, values, factor):
    w = torch.tensor(values).double().view(3, 2, 2)
    gradient = module.gradient(w)
    assert float((gradient * w).sum()) == pytest.approx(0, abs=1e-9)
    assert torch.allclose(module.gradient(factor * w) * factor, gradient, atol=1e-12)
    assert not gradient[w == 0].any() or module is group_hs
    assert torch.isfinite(gradient).all()


def test_zero_tensors_and_zero_channels_stay():
    assert not hoyer_square.gradient(torch.zeros(3, 2)).any()
    assert not group_hs.gradient(torch.zeros(3, 2)).any()
    w = torch.rand(4, 3, 3, 3)
    w[1], w[:, 2] = 0, 0
    gradient = group_hs.gradient(w)
    assert not gradient[1].any() and not gradient[:, 2].any() and gradient[0, 0].any()


def test_hoyer_square_shrinks_small_weights_and_lets_large_ones_grow():
    w = torch.tensor([[0.1, -0.1, 1.0, 1.2]])
    ratio = float(w.abs().sum() / (w**2).sum())
    down = (hoyer_square.gradient(w) * w.sign())[0]
    assert ((down > 0) == (w.abs()[0] < 1 / ratio)).all() and down[0] > 0 > down[3]


@pytest.mark.parametrize("t, share", [(1.0, 0.25), (1.2, 0.2), (1.4, 0.15)])
def test_the_minimum_of_polarization_is_at_both_ends(t, share):
    """Of all ways to set 100 scales to 0 or 1 the best has 1/2 - t/4 of them at 1."""
    values = [
        float(polarized(torch.tensor([1.0] * ones + [0.0] * (100 - ones)).double(), t))
        for ones in range(101)
    ]
    assert int(np.argmin(values)) == round(100 * share)
    mixed = torch.rand(100).double()
    assert float(polarized(mixed, t)) > min(values)


def test_polarization_of_known_scales():
    assert float(polarized(torch.tensor([0.0, 0, 1, 1]), 1.0)) == 0
    assert float(polarized(torch.full((4,), 0.5), 1.0)) == 2
    equal = polarization.subgradient(torch.full((4,), 0.5), 1.0)
    assert equal.tolist() == [1, 1, 1, 1], "equal scales have no side to go to"


def test_descent_polarizes():
    """Gradient steps alone bring random scales to 0 and 1.

    Those above the mean grow while their share is below 1 - t/2 = 0.6; half of them begin there.
    """
    torch.manual_seed(1)
    model = nn.Sequential(nn.BatchNorm1d(200))
    start = model[0].weight.data.uniform_(0, 1).clone()
    for _ in range(1000):
        model[0].weight.grad = torch.zeros(200)
        polarization.penalty(model, [], strength=0.01, t=0.8, gammas="all")
        model[0].weight.data -= model[0].weight.grad
    above = start > start.mean()
    scales = model[0].weight.data.clamp(0, 1)
    assert torch.allclose(scales, above.float(), atol=0.05)


def test_scales_are_held_between_0_and_1():
    model, groups = double_net()
    model[1].weight.data[:3] = torch.tensor([-0.5, 1.5, 0.25]).double()
    added(model, lambda: polarization.penalty(model, groups))
    assert model[1].weight.data[:3].tolist() == [0, 1, 0.25]


def test_gammas_that_may_leave_or_all():
    model, groups = double_net()
    one = added(model, lambda: polarization.penalty(model, groups[:1] * 2, strength=1.0))
    assert one["1.weight"].any() and not one["4.weight"].any()
    whole = added(model, lambda: polarization.penalty(model, [], strength=1.0, gammas="all"))
    assert whole["1.weight"].any() and whole["4.weight"].any()
    with pytest.raises(ValueError, match="no batch norm scale.*gammas='all'"):
        polarization.penalty(model, [])


@pytest.mark.parametrize("name", plugins.names("regularizers"))
def test_frozen_parameters_are_left_alone(name):
    model, groups = double_net()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for frozen in (model[0].weight, model[1].weight):
        frozen.requires_grad_(False).grad = None
    before = model[0].weight.clone()
    Regularizer(name).penalty(model, groups)
    assert model[0].weight.grad is None and torch.equal(model[0].weight, before)


@pytest.mark.parametrize(
    "name, options, word",
    [
        ("hoyer_square", {"strength": -1}, "starts at 0"),
        ("group_hs", {"strength": float("nan")}, "starts at 0"),
        ("polarization", {"strength": -1}, "starts at 0"),
        ("polarization", {"t": 2}, "both ends"),
        ("polarization", {"gammas": "some"}, "groups, all"),
    ],
)
def test_refusals(name, options, word):
    with pytest.raises(ValueError, match=word):
        Regularizer(name, **options)


def mean_hoyer(model):
    return sum(float(hoyer(p.detach())) / p.numel() for p in model.parameters() if p.dim() > 1) / 3


def test_training_with_hoyer_square_leaves_sparser_weights():
    found = []
    for strength in (0.0, 0.01):
        trainer = FakeTrainer(epochs=4)
        dense = trainer.model
        one_shot.run(
            trainer, ratio=0.5, criterion="l1", regularizer="hoyer_square", strength=strength
        )
        found.append(mean_hoyer(dense))
    assert found[1] < 0.8 * found[0]


@pytest.mark.parametrize("name", plugins.names("regularizers"))
def test_recipes_that_cut_channels_take_any(name):
    trainer = FakeTrainer(epochs=2)
    outcome = iterative.run(trainer, ratio=0.5, criterion="l2", regularizer=name, strength=1e-3)
    assert outcome.mask.ratio == 0.5
