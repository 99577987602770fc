"""Provable filter pruning: sensitivities and budgets by hand, naive sums, the recipe end to end."""

import math

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn

from edgejoule import plugins
from edgejoule.prune import grouping, macs
from edgejoule.prune.criteria import pfp as criterion
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import pfp
from edgejoule.prune.scoring import pfp_budget, pfp_draws, sensitivity
from edgejoule.prune.scoring.pfp_budget import Layer


def linear(rows):
    layer = nn.Linear(len(rows[0]), len(rows)).double()
    layer.weight.data = torch.tensor(rows).double()
    return layer


@pytest.mark.parametrize(
    "inputs, expected",
    [
        ([[1.0, 1, 1], [2, 0, 1]], [1, 2 / 3, 1]),
        ([[1.0, 1, 0], [2, 1, 0]], [6 / 7, 2 / 3, 0]),
    ],
)
def test_shares_by_hand(inputs, expected):
    """A lone negative contributor has all of a response; a silent input has nothing of any."""
    found = sensitivity.shares(linear([[1, 2, -1], [3, 1, -2]]), torch.tensor(inputs).double())
    assert found.tolist() == pytest.approx(expected)


def naive(weight, x, stride, padding):
    """Shares entry by entry: images, positions, filters, signs and signs of the inputs."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], "constant")
    out, inputs, k, _ = weight.shape
    found = np.zeros(inputs)
    for image in x:
        for half in (image.clip(min=0), (-image).clip(min=0)):
            for top in range(0, image.shape[1] - k + 1, stride):
                for left in range(0, image.shape[2] - k + 1, stride):
                    patch = half[:, top : top + k, left : left + k]
                    for o in range(out):
                        for w in (weight[o].clip(min=0), (-weight[o]).clip(min=0)):
                            parts = w * patch
                            if parts.sum() > sensitivity.EPS:
                                share = (parts / parts.sum()).max((1, 2))
                                found = np.maximum(found, share)
    return found


@pytest.mark.parametrize("stride, padding, negative", [(1, 1, False), (2, 0, True)])
def test_a_convolution_s_shares_equal_the_naive_ones(stride, padding, negative):
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 20, 3, stride=stride, padding=padding).double()
    x = torch.randn(2, 4, 6, 6).double()
    x = x if negative else x.relu()
    expected = naive(layer.weight.detach().numpy(), x.numpy(), stride, padding)
    assert sensitivity.shares(layer, x).tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def net():
    torch.manual_seed(0)
    model = small_net().double().eval()
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def data():
    torch.manual_seed(3)
    return [(torch.randn(3, 3, 8, 8).double(), torch.zeros(3)) for _ in range(2)]


def test_a_network_s_sensitivities_are_those_of_the_layers_that_read():
    model, groups = net()
    found = criterion.scores(model, groups, data())
    x = torch.cat([each for each, _ in data()])
    hidden = model[:3](x).detach()
    expected = naive(model[3].weight.detach().numpy(), hidden.numpy(), 1, 1)
    assert found["0"].tolist() == pytest.approx(expected.tolist())
    pooled = model[:8](x).detach().numpy()[:, :, None, None]
    expected = naive(model[8].weight.detach().numpy()[:, :, None, None], pooled, 1, 0)
    assert found["3"].tolist() == pytest.approx(expected.tolist())


def test_dead_and_unread_channels_have_no_share():
    model, groups = net()
    model[1].weight.data[2], model[1].bias.data[2] = 0, -1
    model[3].weight.data[:, 5] = 0
    found = criterion.scores(model, groups, data())["0"]
    assert found[[2, 5]].tolist() == [0, 0] and found.argsort()[:2].tolist() == [2, 5]
    assert int((found == 0).sum()) == 2


def test_the_logarithmic_terms():
    assert pfp_budget.alpha(1024, 9) == pytest.approx(288.302853)
    assert pfp_budget.alpha(1, 1) == pytest.approx(237.683701)


def test_expected_numbers_of_different_inputs():
    chances = np.array([0.5, 0.3, 0.2])
    found = [pfp_budget.expected(chances, m) for m in (1, 2, 3, 5)]
    assert found == pytest.approx([1, 1.62, 2.02, 2.473], abs=5e-4)
    assert [math.ceil(each - 1e-12) for each in found] == [1, 2, 3, 3]


LAYERS = {
    "a": Layer(np.array([0.9, 0.5, 0.4, 0.1]), 1.0),
    "b": Layer(np.array([0.6, 0.55, 0.5, 0.45]), 1.0),
}


@pytest.mark.parametrize(
    "t, draws, kept", [(0.5, [1, 2], [1, 2]), (1.5, [3, 4], [3, 3]), (2, [4, 5], [3, 4])]
)
def test_draws_and_kept_channels_of_two_layers(t, draws, kept):
    assert [each.draws(t) for each in LAYERS.values()] == draws
    assert [pfp_budget.kept(each, t) for each in LAYERS.values()] == kept


@pytest.mark.parametrize("most", [2, 3, 5, 6, 7, 8, 100])
def test_the_allocation_is_the_largest_that_fits(most):
    def size(kept):
        return kept["a"] + kept["b"]

    t, found = pfp_budget.allocate(LAYERS, size, most)
    assert found == {name: pfp_budget.kept(each, t) for name, each in LAYERS.items()}
    sizes = {
        sum(pfp_budget.kept(each, t) for each in LAYERS.values())
        for t in np.linspace(1e-3, 99, 9999)
    }
    assert size(found) == max(each for each in sizes if each <= most)


def test_a_budget_below_the_smallest_network_is_refused():
    with pytest.raises(ValueError, match="smallest network has a size of 2, 1 are wanted"):
        pfp_budget.allocate(LAYERS, lambda kept: kept["a"] + kept["b"], 1)


@pytest.mark.parametrize("error", [0.01, 0.5, 3.0])
def test_t_and_the_error_are_two_names_of_one_number(error):
    assert pfp_budget.error((6 + 2 * error) / error**2) == pytest.approx(error)


@pytest.mark.parametrize("counted", pfp_budget.COUNTED)
@pytest.mark.parametrize("name", ["resnet20", "vanillacnn"])
def test_sizes_are_those_of_cut_networks(name, counted):
    from edgejoule.prune.mask import Mask
    from edgejoule.prune.shrink import shrink

    model = plugins.load("models", name).build()
    x = torch.randn(1, 3, 32, 32)
    found = grouping.find(model, x, mode="coupled")
    size = pfp_budget.size_of(model, found, x, counted)
    random = np.random.RandomState(0)
    keep = {each.name: int(random.randint(1, each.channels + 1)) for each in found}
    flags = {each.name: torch.arange(each.channels) < keep[each.name] for each in found}
    for answer, net in ((size({}), model), (size(keep), shrink(model, x, found, Mask(flags)))):
        layers = [each for each in net.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
        if counted == "weights":
            expected = sum(each.weight.numel() for each in layers)
        else:
            expected = sum(call.forward for call in macs.observe(net, x).calls)
        assert answer == pytest.approx(expected)


def test_random_factors_keep_the_expected_sum():
    """The mean over many draws of count / (m p) is 1 for every input."""
    chances = np.array([0.5, 0.3, 0.15, 0.05])
    random = np.random.RandomState(0)
    mean = np.mean([pfp_draws.drawn(chances, 3, random) for _ in range(4000)], axis=0)
    assert mean == pytest.approx(np.ones(4), abs=0.15)


def test_draws_see_as_many_inputs_as_wanted():
    chances = np.array([0.5, 0.3, 0.2])
    assert pfp_draws.draws_for(chances, 2) == 3 and pfp_draws.draws_for(chances, 1) == 1
    assert pfp_draws.draws_for(np.array([0.5, 0.5, 0.0]), 3) == 2  # the last is never seen


def test_mixed_keeps_what_is_sure_to_be_drawn():
    sensitivities = np.array([0.9, 0.01, 0.8, 0.02, 0.03, 0.01])
    for seed in range(20):
        flags, factors = pfp_draws.chosen(sensitivities, 3, "mixed", np.random.RandomState(seed))
        assert flags[0] and flags[2] and factors[0] == 1
        assert len(factors) == flags.sum() and (factors > 0).all()


def test_largest_keeps_the_most_sensitive_and_drops_the_earlier_of_equals():
    flags, factors = pfp_draws.chosen(np.array([0.5, 0.9, 0.5, 0.1]), 2, "largest", None)
    assert flags.tolist() == [False, True, True, False] and factors.tolist() == [1, 1]


@pytest.mark.parametrize("counted", pfp_budget.COUNTED)
def test_the_recipe_meets_its_budget_and_cuts_what_it_masks(counted):
    trainer = FakeTrainer(epochs=0)
    dense = trainer.model
    outcome = pfp.run(trainer, ratio=0.5, counted=counted, retrain_epochs=0)
    facts = outcome.facts["pfp"]
    assert 0 < facts["size"] <= facts["dense_size"] / 2
    layers = [each for each in outcome.model.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    if counted == "weights":
        assert facts["size"] == pytest.approx(sum(each.weight.numel() for each in layers))
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)


@pytest.mark.parametrize("draw", ["random", "mixed"])
def test_drawn_channels_are_scaled_in_what_reads_them(draw):
    trainer = FakeTrainer(epochs=0)
    first = trainer.model[3].weight.detach().clone()
    outcome = pfp.run(trainer, ratio=0.4, draw=draw, retrain_epochs=0)
    rows, columns = outcome.mask["3"], outcome.mask["0"]
    factors = outcome.model[3].weight / first[rows][:, columns]
    per_channel = factors.flatten(2).mean(2)
    assert torch.allclose(per_channel, per_channel[:1].expand_as(per_channel), rtol=1e-4)
    again = pfp.run(FakeTrainer(epochs=0), ratio=0.4, draw=draw, retrain_epochs=0)
    assert all(torch.equal(flags, again.mask[name]) for name, flags in outcome.mask.items())


@pytest.mark.parametrize(
    "options, words",
    [
        ({"draw": "best"}, "draw='best'"),
        ({"counted": "bytes"}, "counted='bytes'"),
        ({"ratio": {"0": 0.5}}, "ratio is a table"),
    ],
)
def test_it_refuses_before_it_trains(options, words):
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match=words):
        pfp.run(trainer, **dict({"ratio": 0.5}, **options))
    assert not trainer.log


def test_work_is_a_forward_pass_and_six_per_mac_of_a_reader():
    model, groups = net()
    first, second, last = 3 * 8 * 9 * 64, 8 * 12 * 9 * 64, 12 * 4
    assert criterion.flops(model, groups, data()) == 6 * (2 * first + 8 * (second + last))


def test_it_judges_every_group_of_resnet20():
    model = plugins.load("models", "resnet20").build()
    x = torch.randn(4, 3, 32, 32)
    found = grouping.find(model, x, mode="inner")
    scores = criterion.scores(model, found, [(x, torch.zeros(4))])
    assert {each.name for each in found} == set(scores)
    assert all(float(each.min()) >= 0 and float(each.max()) <= 1 for each in scores.values())
