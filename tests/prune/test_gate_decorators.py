"""Gate decorators with Tick-Tock: the scales of batch norms as gates that close one by one."""

import copy

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.gates.decorators import (
    BOUND,
    Decorated,
    Votes,
    decoratable,
    read_once,
    shifted,
)
from edgejoule.prune.mask import Mask
from edgejoule.prune.recipes import gate_decorators
from edgejoule.prune.shrink import shrink

SHORT = {"tick_share": 0.2, "ticks": 2, "tock_epochs": 2}


def resnet(double=True):
    """A ResNet-20 whose norms are no longer as they were drawn."""
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    model = model.double() if double else model
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize("mode", ["inner", "coupled"])
@pytest.mark.parametrize("training", [False, True])
def test_a_decorated_network_computes_what_it_did(mode, training):
    model = resnet()
    x = torch.randn(4, 3, 32, 32).double()
    expected = copy.deepcopy(model).train(training)(x)
    found = grouping.find(model, x[:1], mode=mode)
    chosen, paths = decoratable(model, x[:1], found)
    assert len(chosen) == len(found) and len(paths) == len(set(paths))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    decorated = Decorated(model, paths)
    twin = copy.deepcopy(decorated).train(training)
    assert torch.allclose(twin(x), expected, atol=1e-9)
    plain = decorated.folded()
    assert all(each.requires_grad for each in plain.parameters())
    assert all(torch.allclose(plain.state_dict()[k], v, atol=1e-12) for k, v in state.items())


def test_what_was_frozen_stays_frozen():
    model = small_net()
    model[0].weight.requires_grad_(False)
    model[4].weight.requires_grad_(False)
    decorated = Decorated(model, ["1", "4"])
    decorated.learn(everything=False)
    decorated.learn(everything=True)
    assert not model[0].weight.requires_grad and model[3].weight.requires_grad
    left = {name for name, each in decorated.folded().named_parameters() if not each.requires_grad}
    assert left == {"0.weight", "4.weight"}


def test_beta_over_gamma_is_bounded():
    beta, gamma = torch.tensor([3.0, -3.0, 1.0, 0.0, -2.0]), torch.tensor([0.1, 0.1, 2.0, 0.0, 0.0])
    assert shifted(beta, gamma).tolist() == [BOUND, -BOUND, 0.5, 0.0, -BOUND]


def test_votes_are_the_derivatives_of_each_gate_summed_over_steps_and_layers():
    model = resnet()
    x, y = torch.randn(4, 3, 32, 32).double(), torch.arange(4) % 4
    found = grouping.find(model, x[:1], mode="coupled")
    chosen, paths = decoratable(model, x[:1], found)
    decorated = Decorated(model, paths).eval()
    with torch.no_grad():
        decorated.phi[0][3] = 0.0
    votes, expected = Votes(decorated, chosen), torch.zeros(chosen[0].channels).double()
    for part in (slice(0, 2), slice(2, 4)):
        decorated.zero_grad()
        functional.cross_entropy(decorated(x[part]), y[part]).backward()
        votes(decorated)
        for unit in chosen[0].units:
            place = paths.index(unit.norm)
            for channel in range(len(expected)):  # each gate by itself, by central differences
                phi, losses = decorated.phi[place], []
                whole = float(phi.detach()[channel])
                for factor in (1 + 1e-7, 1 - 1e-7):
                    with torch.no_grad():
                        phi[channel] = whole * factor
                        losses.append(float(functional.cross_entropy(decorated(x[part]), y[part])))
                with torch.no_grad():
                    phi[channel] = whole
                expected[channel] += abs(losses[0] - losses[1]) / 2e-7
    assert len(chosen[0].units) > 1
    # a few of the many ReLUs switch within the step of the difference
    assert torch.allclose(votes.sums[chosen[0].name], expected, rtol=1e-3, atol=1e-5)


def test_a_gate_of_zero_scores_zero():
    model = small_net()
    x = torch.randn(8, 3, 8, 8)
    chosen, paths = decoratable(model, x[:1], grouping.find(model, x[:1]))
    decorated = Decorated(model, paths)
    with torch.no_grad():
        decorated.phi[0][2] = 0.0
    functional.cross_entropy(decorated(x), torch.arange(8) % 4).backward()
    votes = Votes(decorated, chosen)
    votes(decorated)
    sums = votes.sums[chosen[0].name]
    assert sums[2] == 0 and (sums[torch.arange(8) != 2] > 0).all()


def test_the_pull_towards_zero():
    model = small_net()
    decorated = Decorated(model, ["1", "4"])
    with torch.no_grad():
        decorated.phi[0].copy_(torch.tensor([1.0, -2.0, 0.0, 3.0, 1.0, 1.0, 1.0, 1.0]))
    decorated.open[0][3] = False
    decorated.phi[0].grad = torch.full((8,), 0.5)
    decorated.pull(0.1)
    assert decorated.phi[0].grad.tolist() == pytest.approx([0.6, 0.4, 0.5, 0.5] + [0.6] * 4)


@pytest.mark.parametrize("mode", ["inner", "coupled"])
def test_closed_gates_are_what_a_cut_leaves(mode):
    model = resnet()
    x = torch.randn(4, 3, 32, 32).double()
    found = grouping.find(model, x[:1], mode=mode)
    chosen, paths = decoratable(model, x[:1], found)
    decorated = Decorated(model, paths).eval()
    mask = Mask({group.name: torch.arange(group.channels) % 4 > 0 for group in chosen})
    decorated.close(chosen, mask)
    expected = decorated(x)
    small = shrink(decorated.folded(), x[:1], found, mask).eval()
    assert torch.allclose(small(x), expected, atol=1e-10)


@pytest.mark.parametrize("mode", grouping.MODES)
def test_a_shortcut_that_goes_round_a_norm_keeps_its_group_whole(mode):
    """In a pre-activation network the stem is read through a norm, and by a shortcut without."""
    from edgejoule.bench.architectures.preact_resnets import PreactResNet

    torch.manual_seed(0)
    model, x = PreactResNet(2, 4, 3).double(), torch.randn(4, 3, 8, 8).double()
    found = grouping.find(model, x[:1], mode=mode)
    chosen, paths = decoratable(model, x[:1], found)
    names = [group.name for group in chosen]
    assert "conv1" not in names and 0 < len(names) < len(found)
    decorated = Decorated(model, paths).eval()
    mask = Mask({group.name: torch.arange(group.channels) % 4 > 0 for group in chosen})
    decorated.close(chosen, mask)
    expected = decorated(x)
    small = shrink(decorated.folded(), x[:1], chosen, mask).eval()
    assert torch.allclose(small(x), expected, atol=1e-10)


def test_layers_whose_output_one_operation_takes():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.twice = [nn.Linear(4, 4) for _ in range(4)]
            self.a.weight.requires_grad_(False)
            self.a.bias.requires_grad_(False)

        def forward(self, x):
            a = self.a(x)
            b = self.b(a.relu())
            return self.twice(self.twice(self.c(b) + b))

    layers = {"a", "b", "c", "twice"}
    assert read_once(Net(), torch.zeros(1, 4), layers) == {"a", "c"}


class Watching(FakeTrainer):
    """Keeps, for every training, the network before and after it."""

    def train(self, *args, **more):
        before = copy.deepcopy(self.model)
        learns = {name for name, each in self.model.named_parameters() if each.requires_grad}
        done = super().train(*args, **more)
        self.seen = getattr(self, "seen", []) + [(before, copy.deepcopy(self.model), learns)]
        return done


def test_ticks_train_gates_and_linear_layers_and_tocks_train_everything():
    trainer = Watching(epochs=3)
    outcome = gate_decorators.run(trainer, ratio=0.5, **SHORT)
    # 0.2, 0.36, Tock, 0.488, 0.5
    assert trainer.phases() == [("dense", 3), ("search", 2 + 2 + 2), ("retrain", 3)]
    assert outcome.facts == {"ticks": 4}
    rates = [row[3] for row in trainer.log[3:9]]
    assert rates == pytest.approx([5e-4, 5e-4, 5e-2, 5e-3, 5e-4, 5e-4])
    gates = {"phi.0", "phi.1"}
    norms = {"network.1.weight", "network.4.weight"}
    for place in (1, 2, 4, 5):
        before, after, learns = trainer.seen[place]
        assert learns == gates | {"network.8.weight", "network.8.bias"}
        for name, value in before.named_parameters():
            assert torch.equal(value, dict(after.named_parameters())[name]) == (name not in learns)
    before, after, learns = trainer.seen[3]
    assert learns == {name for name, _ in before.named_parameters()} - norms
    closed = [sum(int((~f).sum()) for f in before.open) for before, _, _ in trainer.seen[1:6]]
    assert closed == [0, 4, 7, 7, 9]
    assert outcome.mask.kept == 10
    widths = [outcome.model[0].out_channels, outcome.model[3].out_channels]
    assert sum(widths) == 10 and min(widths) >= 1


def test_the_cut_network_is_the_gated_one_and_has_no_gates():
    trainer = Watching(epochs=2)
    outcome = gate_decorators.run(trainer, ratio=0.4, retrain_epochs=0, **SHORT)
    last = [each for each in trainer.seen if hasattr(each[1], "phi")][-1][1]
    chosen, _ = decoratable(small_net(), trainer.example, outcome.groups)
    last.close(chosen, outcome.mask)
    assert torch.allclose(outcome.model.eval()(trainer.x), last.eval()(trainer.x), atol=1e-5)
    assert set(outcome.model.state_dict()) == set(small_net().state_dict())
    assert all(each.requires_grad for each in outcome.model.parameters())


def test_a_share_of_every_layer_stays():
    model = small_net()
    with torch.no_grad():
        model[8].weight.fill_(0.0)  # then no gate matters, and those of the first layer go first
    trainer = FakeTrainer(model, epochs=1, rate=0.0)
    outcome = gate_decorators.run(trainer, ratio=0.7, tick_share=0.4, ticks=9, least=0.25)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [2, 4]


def test_groups_without_norms_stay_whole():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1)
            self.norm, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(self.norm(self.b(self.a(x).relu())).relu().mean((2, 3)))

    trainer = FakeTrainer(Odd(), epochs=1)
    outcome = gate_decorators.run(trainer, ratio=0.5, **SHORT)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [6, 2]
    assert any("1 of 2 channel groups have no batch norms" in each for each in trainer.warnings)
    with pytest.raises(ValueError, match="none of the 1 channel groups"):
        gate_decorators.run(FakeTrainer(Odd(), epochs=1), ratio=0.5, ignore=["b"])


@pytest.mark.parametrize(
    "options, word",
    [
        ({"ticks": 0}, "ticks=0"),
        ({"tock_epochs": -1}, "tock_epochs=-1"),
        ({"strength": -1.0}, "strength=-1.0"),
        ({"tick_share": 0.0}, "tick_share=0.0"),
        ({"least": 1.0}, "least=1.0"),
        ({"ratio": {"0": 0.5}}, "one share"),
        ({"ratio": 0.9, "least": 0.5}, "min_channels allows"),
    ],
)
def test_refuses(options, word):
    trainer = FakeTrainer()
    with pytest.raises(ValueError, match=word):
        gate_decorators.run(trainer, **dict({"ratio": 0.5}, **options))
    assert not trainer.log, "before anything was trained"
