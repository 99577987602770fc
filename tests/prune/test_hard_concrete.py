"""L0 regularisation: gates from the hard concrete distribution, and what is left of them."""

import copy
import math

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.gates import hard_concrete, readers
from edgejoule.prune.mask import Mask
from edgejoule.prune.recipes import l0
from edgejoule.prune.shrink import shrink


def gated(model, example, mode="coupled", drop=0.3):
    found = grouping.find(model, example, mode=mode)
    chosen, sites = readers.gateable(model, found)
    sizes = [group.channels for group in chosen]
    return chosen, hard_concrete.Gated(model, sites, sizes, drop, seed=0)


def test_published_values():
    zero, half = torch.tensor(0.0).double(), torch.tensor(math.log(0.7 / 0.3)).double()
    assert float(hard_concrete.open_probability(zero)) == pytest.approx(0.831822, abs=5e-7)
    assert float(hard_concrete.settled(zero)) == pytest.approx(0.5)
    assert float(hard_concrete.open_probability(half)) == pytest.approx(0.920261, abs=5e-7)
    assert float(hard_concrete.settled(half)) == pytest.approx(0.74)
    assert hard_concrete.log_alpha_of(0.3) == pytest.approx(math.log(0.7 / 0.3))


@pytest.mark.parametrize("log_alpha", [-3.0, 0.0, 1.5])
def test_samples_follow_the_closed_form(log_alpha):
    """An even grid of u is the distribution itself: no chance in this test."""
    uniform = (torch.arange(200000).double() + 0.5) / 200000
    z = hard_concrete.sample(torch.tensor(log_alpha).double(), uniform)
    assert float(z.min()) == 0 and float(z.max()) == 1
    closed = hard_concrete.open_probability(torch.tensor(log_alpha).double())
    assert float((z != 0).double().mean()) == pytest.approx(float(closed), abs=1e-5)
    point = 0.37  # one value, by the formulas as they are printed
    s = 1 / (1 + math.exp(-(math.log(point) - math.log(1 - point) + log_alpha) * 1.5))
    one = hard_concrete.sample(torch.tensor(log_alpha).double(), torch.tensor(point).double())
    assert float(one) == pytest.approx(min(1, max(0, s * 1.2 - 0.1)))


def test_the_gradient_of_the_penalty_is_that_of_the_closed_form():
    _, net = gated(small_net().double(), torch.zeros(1, 3, 8, 8).double())
    strengths = [0.3, 1.7]
    net.penalise(strengths)
    net.penalise(strengths)
    for each, strength in zip(net.log_alphas, strengths):
        step = 1e-6
        ahead, behind = (
            hard_concrete.open_probability(each.detach() + sign * step) for sign in (1, -1)
        )
        expected = 2 * strength * (ahead - behind) / (2 * step)
        assert torch.allclose(each.grad, expected, atol=1e-8)


def test_a_pass_multiplies_by_its_gates_and_the_next_draws_others():
    torch.manual_seed(0)
    model = small_net().double()
    x = torch.randn(5, 3, 8, 8).double()
    _, net = gated(model, x[:1])
    twin = copy.deepcopy(net)
    net.train()
    first, second, again = net(x), net(x), twin.train()(x)
    assert torch.equal(first, again) and not torch.equal(first, second)
    fresh = copy.deepcopy(twin)
    z = copy.deepcopy(fresh).gates()
    assert all(((each >= 0) & (each <= 1)).all() for each in z)
    hidden = fresh.network[2](fresh.network[1](fresh.network[0](x))) * z[0].view(1, -1, 1, 1)
    hidden = fresh.network[5](fresh.network[4](fresh.network[3](hidden))).mean((2, 3)) * z[1]
    expected = fresh.network[8](hidden)
    assert torch.allclose(copy.deepcopy(twin)(x), expected, atol=1e-12)


def test_gates_learn_through_the_pass():
    torch.manual_seed(0)
    model = small_net().double()
    x = torch.randn(8, 3, 8, 8).double()
    _, net = gated(model, x[:1])
    with torch.no_grad():
        for each in net.log_alphas:
            each.zero_()
    functional.cross_entropy(net.train()(x), torch.arange(8) % 4).backward()
    assert all(float(each.grad.abs().max()) > 0 for each in net.log_alphas)


@pytest.mark.parametrize("mode", ["inner", "coupled"])
def test_folded_gates_compute_what_settled_ones_do(mode):
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build().double()
    x = torch.randn(4, 3, 32, 32).double()
    chosen, net = gated(model, x[:1], mode)
    with torch.no_grad():
        for each in net.log_alphas:
            each.normal_(-1.0, 3.0)
    net.eval()
    expected = net(x)
    flags = [hard_concrete.settled(each.detach()) > 0 for each in net.log_alphas]
    assert any(0 < int(each.sum()) < len(each) for each in flags)
    for each in flags:
        each[0] = True
    plain = net.folded()
    assert torch.allclose(plain.eval()(x), expected, atol=1e-10)
    mask = Mask({group.name: each for group, each in zip(chosen, flags)})
    small = shrink(plain, x[:1], chosen, mask).eval()
    assert torch.allclose(small(x), expected, atol=1e-10)


def test_closed_gates_leave_and_the_cut_network_is_the_gated_one():
    seen = []

    class Watching(FakeTrainer):
        def train(self, *args, **more):
            chance = torch.Generator().manual_seed(5)
            with torch.no_grad():  # in so short a training gates move a little way alone
                for each in self.model.log_alphas:
                    each.copy_(torch.randn(len(each), generator=chance) * 2 - 2)
            done = super().train(*args, **more)
            seen.append(copy.deepcopy(self.model).eval())
            return done

    trainer = Watching(epochs=4, rate=0.1)
    outcome = l0.run(trainer, strength=1e-2)
    assert trainer.phases() == [("search", 4)]
    net = seen[0]
    flags = [hard_concrete.settled(each.detach()) > 0 for each in net.log_alphas]
    facts = list(outcome.facts["gates"].values())
    assert [each["closed"] for each in facts] == [int((~each).sum()) for each in flags]
    assert all(0 < each["closed"] < each["channels"] for each in facts)
    for group, each in zip(outcome.groups, flags):
        kept = int(outcome.mask[group.name].sum())
        assert kept == max(1, int(each.sum()))
    assert torch.allclose(outcome.model.eval()(trainer.x), net(trainer.x), atol=1e-5)
    assert "log_alpha" not in " ".join(outcome.model.state_dict())


def test_without_strength_nothing_leaves_and_a_ratio_takes_the_lowest_gates():
    outcome = l0.run(FakeTrainer(epochs=1), strength=0.0)
    assert outcome.mask.ratio == 0
    trainer = FakeTrainer(epochs=1)
    outcome = l0.run(trainer, ratio=0.5, retrain_epochs=2)
    assert outcome.mask.kept == 10 and trainer.phases() == [("search", 1), ("retrain", 2)]
    widths = [outcome.model[0].out_channels, outcome.model[3].out_channels]
    assert sum(widths) == 10


def test_a_layer_whose_gates_all_close_keeps_its_best_channels_and_says_so():
    trainer = FakeTrainer(epochs=4, rate=0.3)
    outcome = l0.run(trainer, strength=10.0, min_channels=2)
    assert [outcome.model[0].out_channels, outcome.model[3].out_channels] == [2, 2]
    assert any("gates are closed; 2 channels stay" in each for each in trainer.warnings)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"ratio": 1.0}, "ratio=1.0"),
        ({"ratio": {"0": 0.5}}, "left out"),
        ({"strength": -1.0}, "strength=-1.0"),
        ({"drop": 1.0}, "drop=1.0"),
        ({"retrain": "last"}, "retrain='last' has no effect"),
    ],
)
def test_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        l0.run(FakeTrainer(), **options)
