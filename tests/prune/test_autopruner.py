"""AutoPruner: codes by a scaled sigmoid, their balance, and the cut that they lead to."""

import copy

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn import functional

from edgejoule.bench.architectures.cifar_resnets import CifarResNet
from edgejoule.prune import grouping
from edgejoule.prune.channelgates import codes, hanging
from edgejoule.prune.channelgates.codes import Balance, Code
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.parity import parity
from edgejoule.prune.recipes import autopruner


def made(shape=(2, 6, 8, 8), refresh=5, seed=0):
    return Code(torch.Size(shape), refresh, torch.Generator().manual_seed(seed)).double()


def test_a_growing_alpha_makes_codes_binary():
    gate = made((1, 5))
    with torch.no_grad():
        gate.weight.copy_(torch.eye(5))
    x = torch.tensor([-2, -0.05, 0, 0.05, 2], dtype=torch.float64)
    expected = [0.119203, 0.487503, 0.5, 0.512497, 0.880797]
    assert gate.code(x).tolist() == pytest.approx(expected, abs=1e-6)
    gate.alpha = 100.0
    assert gate.code(x).tolist() == pytest.approx([0, 0.006693, 0.5, 0.993307, 1], abs=1e-6)


def test_the_first_weights_have_the_authors_deviation():
    gate = made((1, 64, 8, 8))
    assert gate.weight.shape == (64, 64 * 16)
    assert float(gate.weight.detach().std()) == pytest.approx(0.441942, rel=0.02)
    chance = torch.Generator().manual_seed(1)  # not 0, which the weights were drawn with
    drawn = torch.randn(2000, 1024, generator=chance)
    numbers = functional.linear(drawn.double(), gate.weight.detach())
    assert float(numbers.std()) == pytest.approx(14.142, rel=0.05)


def test_the_balance_by_hand():
    """v = (.9, .8, .1, .6) and r = .5: three are open, lambda 25, the term .25, its slope 1.25."""
    assert codes.weight_of(0.75, 0.5) == 25 and codes.weight_of(0.5, 0.5) == 0
    v = torch.tensor([0.9, 0.8, 0.1, 0.6], dtype=torch.float64, requires_grad=True)
    gate = made((1, 4), refresh=1)
    gate.recent.copy_(v.detach()[None])
    assert gate.open.tolist() == [True, True, False, True]
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.copy_(torch.log(v / (1 - v)))
    gate.pooled = torch.ones(4, dtype=torch.float64)
    gate.weight.grad, gate.bias.grad = torch.zeros(4, 4).double(), torch.zeros(4).double()
    Balance({"a": gate}, {"a": 0.5}, refresh=1)(nn.Identity())
    slope = gate.bias.grad / (v * (1 - v)).detach()  # back through the sigmoid
    assert slope.tolist() == pytest.approx([1.25] * 4)
    assert torch.allclose(gate.weight.grad, gate.bias.grad[:, None].expand(4, 4))


def test_the_first_weight_holds_until_the_refresh_and_a_right_share_switches_it_off():
    gate = made((1, 4), refresh=2)
    gate.pooled = torch.randn(4, generator=torch.Generator().manual_seed(1)).double()
    gate.recent.copy_(torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0]]))
    balance, seen = Balance({"a": gate}, {"a": 0.5}, refresh=2), []
    for _ in range(2):
        gate.weight.grad, gate.bias.grad = torch.zeros(4, 4).double(), torch.zeros(4).double()
        balance(nn.Identity())
        seen.append(gate.bias.grad.clone())
    v = gate.code(gate.pooled).detach()
    expected = 2 * 10 * (v.mean() - 0.5) / 4 * v * (1 - v)
    assert torch.allclose(seen[0], expected) and bool((seen[1] == 0).all())


@pytest.mark.parametrize("shape", [(5, 6, 8, 8), (5, 6, 3, 3), (5, 6)])
def test_a_batch_has_one_code_of_its_mean_activations(shape):
    gate, x = made(shape), torch.randn(*shape, dtype=torch.float64)
    gate.alpha = 0.3
    positive = x.clamp(min=0).mean(0)
    if len(shape) == 4 and shape[2] == 8:
        cells = positive.view(6, 4, 2, 4, 2).sum((2, 4)) / 4
    else:
        cells = positive
    number = gate.weight @ cells.flatten()
    v = 1 / (1 + torch.exp(-0.3 * number))
    found = gate.train()(x)
    assert torch.allclose(found, x * v.view((1, 6) + (1,) * (len(shape) - 2)), atol=1e-12)
    assert torch.allclose(gate.recent[-1], v) and bool((gate.recent[:-1] == 1).all())
    closed = gate.recent.clone()
    closed[:3, 2] = 0.1
    gate.recent.copy_(closed)
    still = gate.eval()(x)
    assert bool((still[:, 2] == 0).all()) and torch.equal(still[:, :2], x[:, :2])


def test_it_learns_which_channels_to_keep_and_cuts_them():
    trainer = FakeTrainer(epochs=2)
    kept, replace = [], trainer.replace
    trainer.replace = lambda model: (kept.append(copy.deepcopy(trainer.model)), replace(model))
    names = list(trainer.model.state_dict())
    outcome = autopruner.run(trainer, ratio=0.5, code_epochs=6, refresh=4, retrain_epochs=0)
    assert trainer.phases() == [("dense", 2), ("search", 6)]
    assert [int(each.sum()) for each in outcome.mask.values()] == [4, 6]
    assert list(outcome.model.state_dict()) == names
    small = masked(kept[-1], outcome.groups, outcome.mask)
    assert parity(small, outcome.model, trainer.x, modes=(False,)) < 1e-5
    assert set(outcome.facts["codes"]) == {"open", "channels", "undecided", "kept"}
    assert outcome.facts["codes"]["kept"] == 10


def test_where_the_open_channels_are_those_that_stay_nothing_changes():
    """In evaluation mode a gated network answers as the cut one, if codes and cut agree."""
    torch.manual_seed(0)
    model, x = small_net().double().eval(), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    groups = grouping.find(model, x[:1])
    gates = {group.name: made((1, group.channels, 8, 8)) for group in groups}
    flags = {}
    for group in groups:
        keep = torch.arange(group.channels) % 3 > 0
        gates[group.name].recent.copy_(keep.double().expand(5, -1))
        flags[group.name] = keep
    with hanging.hung(model, gates, groups):
        gated = model.eval()(x)
    assert torch.allclose(masked(model, groups, Mask(flags)).eval()(x), gated, atol=1e-12)


def test_alpha_rises_from_epoch_to_epoch():
    trainer, seen = FakeTrainer(epochs=1), []
    train = trainer.train

    def watched(epochs, after_epoch=None, **more):
        def after(epoch):
            seen.append(trainer.model[1].gate.alpha)
            return after_epoch(epoch)

        return train(epochs, after_epoch=after if after_epoch else None, **more)

    trainer.train = watched
    autopruner.run(trainer, ratio=0.5, code_epochs=3, first_alpha=2.0, last_alpha=10.0)
    assert seen == pytest.approx([2, 6, 10])
    assert any("from 0 and 1 in the end" in each for each in trainer.warnings)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"first_alpha": 2.0, "last_alpha": 1.0}, "the last is no smaller"),
        ({"refresh": 0}, "both start at 1"),
        ({"code_epochs": 0}, "both start at 1"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        autopruner.run(FakeTrainer(), ratio=0.5, **wrong)


def test_it_hangs_on_the_inner_norms_of_resnet20():
    torch.manual_seed(0)
    trainer = FakeTrainer(CifarResNet(3, 4, 3, shortcut="B", widths=(16, 32, 64)), images=4)
    groups = grouping.find(trainer.model, trainer.example, mode="inner")
    gates = {g.name: Code(torch.Size([1, g.channels, 2, 2]), 3, None) for g in groups}
    assert [len(gate.bias) for gate in gates.values()] == [16] * 3 + [32] * 3 + [64] * 3
    with hanging.hung(trainer.model, gates, groups):
        trainer.model.train()(trainer.x)
    assert all(bool((gate.recent[-1] != 1).any()) for gate in gates.values())
