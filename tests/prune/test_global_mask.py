"""Global and dynamic pruning: a mask over all layers whose filters all learn."""

import copy

import pytest
import torch
from rigs import hand_groups
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.gates import readers
from edgejoule.prune.gates.global_mask import Dynamics, Masked, importance, judged, straight
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.recipes import gdp
from edgejoule.prune.select import select
from edgejoule.prune.shrink import shrink


def test_the_two_readings_order_filters_oppositely():
    weights = torch.tensor([[1.0, -2.0], [0.5, 0.5], [3.0, 0.0]]).double()
    slopes = torch.tensor([[0.2, 0.1], [0.4, -0.4], [-0.1, 5.0]]).double()
    assert importance([weights], [slopes], "abs_of_sum").tolist() == pytest.approx([0, 0, 0.3])
    assert importance([weights], [slopes], "sum_of_abs").tolist() == pytest.approx([0.4, 0.4, 0.3])


def toy():
    """y = m1 w1 x1 + m2 w2 x2 with w = (1, 0.4), and its group."""
    net = nn.Sequential(nn.Conv1d(2, 2, 1, groups=2, bias=False), nn.Conv1d(2, 1, 1, bias=False))
    net = net.double()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, 0.4]).view(2, 1, 1))
        net[1].weight.fill_(1.0)
    return net, hand_groups.group(net, "0", consumers=["1"])


def test_a_masked_weight_learns_and_comes_back():
    """x = (1, 2), target 2, loss e^2 / 2, rate 0.1, one of two weights stays; worked by hand."""
    net, group = toy()
    gated = Masked(net, [readers.readers(net, group)], [2])
    dynamics = Dynamics(gated, [group], smoothing=0.0, normalize=False)
    x, masks, weights, thetas = torch.tensor([[[1.0], [2.0]]]).double(), [], [], []

    def backward():
        net.zero_grad()
        (0.5 * (gated(x).sum() - 2) ** 2).backward()

    for _ in range(4):
        backward()
        dynamics.see()
        thetas.append(dynamics.theta["0"].tolist())
        dynamics.put(select(dynamics.scores(), [group], 0.5))
        masks.append(gated.flags[0].int().tolist())
        backward()
        with torch.no_grad():
            net[0].weight.sub_(0.1 * net[0].weight.grad)
        weights.append(net[0].weight.detach().flatten().tolist())
    assert masks == [[1, 0], [0, 1], [0, 1], [0, 1]]
    expected = [(1.1, 0.6), (1.18, 0.76), (1.228, 0.856), (1.2568, 0.9136)]
    assert [w for each in weights for w in each] == pytest.approx([w for e in expected for w in e])
    expected = [(0.2, 0.16), (0.99, 1.08), (0.5664, 0.7296), (0.353664, 0.493056)]
    assert [t for each in thetas for t in each] == pytest.approx([t for e in expected for t in e])
    assert (
        dynamics.refreshes
        == [{"left": 1, "came_back": 0}, {"left": 1, "came_back": 1}]
        + [{"left": 0, "came_back": 0}] * 2
    )


def test_gradients_pass_a_mask_as_if_there_were_none():
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    answers = straight(x, torch.tensor([1.0, 0.0, 1.0]).double())
    assert torch.equal(answers[:, 1], torch.zeros(2).double())
    assert torch.equal(answers[:, [0, 2]], x[:, [0, 2]])
    answers.backward(torch.ones_like(answers))
    assert torch.equal(x.grad, torch.ones_like(x))


@pytest.mark.parametrize("mode", ["inner", "coupled"])
@pytest.mark.parametrize("training", [False, True])
def test_a_masked_network_is_the_cut_one(mode, training):
    """In training too: a batch norm takes its statistics channel by channel."""
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build().double().train(training)
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    found = grouping.find(model, x[:1], mode=mode)
    chosen, sites = readers.gateable(model, found)
    assert len(chosen) == len(found)
    mask = Mask({group.name: torch.arange(group.channels) % 3 > 0 for group in found})
    gated = Masked(model, sites, [group.channels for group in chosen]).train(training)
    assert torch.equal(gated(x), model(x))
    Dynamics(gated, chosen).put(mask)
    small = shrink(model, x[:1], found, mask).train(training)
    assert torch.allclose(gated(x), small(x), atol=1e-10)


def test_theta_behind_a_batch_norm_is_the_derivative_of_a_factor():
    """Behind a norm in training the sum over filter weights vanishes, the factor's does not."""
    torch.manual_seed(0)
    model = small_net().double().train()
    with torch.no_grad():
        model[1].bias.normal_()
    x, y = torch.randn(6, 3, 8, 8).double(), torch.arange(6) % 4
    (first, _) = grouping.find(model, x[:1])
    functional.cross_entropy(model(x), y).backward()
    found = judged(model, first, "abs_of_sum")
    weight = model[0].weight
    assert torch.allclose((weight * weight.grad).detach().flatten(1).sum(1), found * 0, atol=1e-4)
    expected, step = [], 1e-6
    for channel in range(8):
        losses = []
        for factor in (1 + step, 1 - step):
            twin = copy.deepcopy(model)
            with torch.no_grad():
                twin[1].weight[channel] *= factor
                twin[1].bias[channel] *= factor
            losses.append(float(functional.cross_entropy(twin(x), y).detach()))
        expected.append(abs(losses[0] - losses[1]) / (2 * step))
    assert found.tolist() == pytest.approx(expected, abs=1e-7) and min(expected) > 1e-6
    naive = (weight * weight.grad).detach().abs().flatten(1).sum(1)
    assert torch.allclose(judged(model, first, "sum_of_abs"), naive)


def test_a_masked_channel_has_a_gradient_where_a_masked_weight_would_have_a_huge_one():
    torch.manual_seed(0)
    model = small_net().double().train()
    x, y = torch.randn(16, 3, 8, 8).double(), torch.arange(16) % 4
    found = grouping.find(model, x[:1])
    chosen, sites = readers.gateable(model, found)
    gated = Masked(model, sites, [group.channels for group in chosen])
    functional.cross_entropy(gated(x), y).backward()
    dense = float(model[0].weight.grad[0].norm())
    gated.flags[0][0] = False
    model.zero_grad()
    functional.cross_entropy(gated(x), y).backward()
    assert 0.1 * dense < float(model[0].weight.grad[0].norm()) < 10 * dense


def test_the_running_mean_and_the_length_of_theta():
    net, group = toy()
    gated = Masked(net, [readers.readers(net, group)], [2])
    dynamics = Dynamics(gated, [group], smoothing=0.9)
    assert dynamics.scores()["0"].tolist() == [0, 0], "nothing was seen"
    for slopes in ([3.0, 10.0], [6.0, 0.0]):
        net[0].weight.grad = torch.tensor(slopes).double().view(2, 1, 1)
        dynamics.see()
    theta = [0.9 * 3 + 0.1 * 6, 0.9 * 4 + 0.1 * 0]
    assert dynamics.theta["0"].tolist() == pytest.approx(theta)
    length = (theta[0] ** 2 + theta[1] ** 2) ** 0.5
    assert dynamics.scores()["0"].tolist() == pytest.approx([each / length for each in theta])


def test_the_recipe_reaches_its_ratio_and_its_count_at_every_refresh():
    counts = []

    class Watching(FakeTrainer):
        def train(self, epochs, first=0, total=None, penalty=None, **more):
            def seen(model):
                penalty(model)
                counts.append(sum(int((~flags).sum()) for flags in model.flags))

            seen = seen if penalty and hasattr(self.model, "flags") else penalty
            return super().train(epochs, first, total, penalty=seen, **more)

    trainer = Watching(epochs=4)
    outcome = gdp.run(trainer, ratio=0.45, every=1, smoothing=0.5)
    assert trainer.phases() == [("dense", 4), ("search", 4), ("retrain", 4)]
    assert counts == [4] * 3 + [9] * 9, "floor(0.225 * 20), then floor(0.45 * 20): three steps each"
    assert outcome.mask.channels - outcome.mask.kept == 9
    widths = [outcome.model[0].out_channels, outcome.model[3].out_channels]
    assert sum(widths) == 11 and not trainer.warnings
    assert len(outcome.facts["refreshes"]) == 13
    assert sum(each["left"] - each["came_back"] for each in outcome.facts["refreshes"]) == 9


def test_a_mask_that_is_never_drawn_anew_is_told():
    trainer = FakeTrainer(epochs=1)
    assert gdp.run(trainer, ratio=0.5, every=4).mask.kept == 10
    (sentence,) = trainer.warnings
    assert "every=4 is more than the steps of 1 epochs" in sentence


def test_the_cut_network_is_the_masked_one():
    trainer = FakeTrainer(epochs=2)
    kept = []
    replace = trainer.replace
    trainer.replace = lambda model: (kept.append(copy.deepcopy(model)), replace(model))
    outcome = gdp.run(trainer, ratio=0.4, every=1, retrain_epochs=0)
    plain = next(each for each in reversed(kept[:-1]))
    expected = masked(plain, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)


def test_a_channel_that_nobody_needs_leaves_first():
    model = small_net()
    with torch.no_grad():
        model[3].weight[:, 5] = 0
        model[8].weight[:, [1, 7]] = 0
    trainer = FakeTrainer(model, epochs=1, rate=1e-9)
    outcome = gdp.run(trainer, ratio=0.15, every=1)
    gone = [(~flags).nonzero().flatten().tolist() for flags in outcome.mask.values()]
    assert gone == [[5], [1, 7]]


@pytest.mark.parametrize(
    "options, word",
    [
        ({"reading": "max"}, "abs_of_sum, sum_of_abs"),
        ({"smoothing": 1.0}, "smoothing=1.0"),
        ({"ramp": 2}, "ramp=2"),
        ({"every": 0}, "every=0"),
        ({"search_epochs": 0}, "search_epochs=0"),
        ({"ratio": {"0": 0.5}}, "one share"),
    ],
)
def test_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        gdp.run(FakeTrainer(), **dict({"ratio": 0.5}, **options))


def test_channels_that_others_read_stay_whole():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1)
            self.odd, self.fc = nn.GroupNorm(6, 6), nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(self.b(self.odd(self.a(x))).mean((2, 3)))

    trainer = FakeTrainer(Odd(), epochs=1)
    outcome = gdp.run(trainer, ratio=0.5, every=1)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [6, 2]
    assert any("1 of 2 channel groups" in sentence for sentence in trainer.warnings)
    with pytest.raises(ValueError, match="none of the 1 channel groups"):
        gdp.run(FakeTrainer(Odd(), epochs=1), ratio=0.5, ignore=["b"])
