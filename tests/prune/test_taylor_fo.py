"""First-order Taylor importance of weights and channels, batch by batch and by the definition."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.criteria import taylor_fo as of_channels
from edgejoule.prune.recipes import lottery, one_shot
from edgejoule.prune.saliency import taylor_fo as of_weights
from edgejoule.prune.weightmasks import weight_mask


def net():
    """A chain in float64 with lively batch norms, and its two groups of channels."""
    torch.manual_seed(0)
    model = small_net().double()
    for each in (model[1], model[4]):
        each.weight.data.uniform_(-1, 1)
        each.bias.data.normal_()
        each.running_mean.normal_()
        each.running_var.uniform_(0.5, 2)
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def batches(sizes=(5, 3)):
    torch.manual_seed(9)
    return [(torch.randn(n, 3, 8, 8).double(), torch.arange(n) % 4) for n in sizes]


def changes(model, name, batch):
    """g w of every weight of a tensor."""
    loss = functional.cross_entropy(model.eval()(batch[0]), batch[1])
    weight = model.get_parameter(name)
    return (torch.autograd.grad(loss, weight)[0] * weight).detach()


def test_weights_by_the_definition():
    model, _ = net()
    mask = weight_mask.full(model, weight_mask.names(model))
    found = of_weights.scores(model, mask, batches())
    for name in mask:
        squares = [changes(model, name, batch) ** 2 for batch in batches()]
        assert torch.allclose(found[name], (squares[0] + squares[1]) / 2, rtol=1e-9)


def test_gradients_of_opposite_sign_do_not_cancel():
    """One weight, two images with labels 0 and 1 at the middle: the mean gradient is zero."""
    model = nn.Sequential(nn.Linear(1, 2)).double()
    model[0].weight.data.fill_(1.0)
    model[0].bias.data.zero_()
    x = torch.ones(1, 1).double()
    data = [(x, torch.tensor([0])), (x, torch.tensor([1]))]
    mask = weight_mask.full(model, ["0.weight"])
    found = of_weights.scores(model, mask, data)["0.weight"]
    assert torch.allclose(found, torch.full((2, 1), 0.25).double())  # (p - y) w = +-1/2
    both = [(torch.cat([x, x]), torch.tensor([0, 1]))]
    assert not of_weights.scores(model, mask, both)["0.weight"].any()


@pytest.mark.parametrize("taken_on", ["filters", "weights"])
def test_filters_by_the_definition(taken_on):
    model, groups = net()
    found = of_channels.scores(model, groups, batches(), taken_on=taken_on)
    for each in groups:
        expected = 0
        for batch in batches():
            filters = changes(model, each.name + ".weight", batch).flatten(1)
            square = filters.sum(1) ** 2 if taken_on == "filters" else (filters**2).sum(1)
            expected = expected + square / 2
        assert torch.allclose(found[each.name], expected, rtol=1e-9)


def test_gates_by_finite_differences():
    model, groups = net()
    found = of_channels.scores(model, groups, batches())["3"]
    for channel in (0, 7):
        expected = 0
        for x, y in batches():
            losses = []
            for factor in (1 - 1e-6, 1 + 1e-6):
                norm = model[4]
                kept = norm.weight.data.clone(), norm.bias.data.clone()
                norm.weight.data[channel] *= factor
                norm.bias.data[channel] *= factor
                losses.append(functional.cross_entropy(model.eval()(x), y).item())
                norm.weight.data, norm.bias.data = kept
            expected += ((losses[1] - losses[0]) / 2e-6) ** 2 / 2
        assert float(found[channel]) == pytest.approx(expected, rel=1e-5)


def test_without_norm_and_bias_a_gate_is_its_filter():
    """A layer is linear in its filter, so the factor's derivative is the sum of g w."""
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(180, 4)
    ).double()
    each = [group(model, "0")]
    gates = of_channels.scores(model, each, batches())["0"]
    filters = of_channels.scores(model, each, batches(), taken_on="filters")["0"]
    assert torch.allclose(gates, filters, rtol=1e-9) and gates.all()


def test_layers_of_one_channel_count_together():
    model, (first, _) = net()
    both = first._replace(units=first.units * 2)
    for taken_on, times in (("gates", 4), ("filters", 4), ("weights", 2)):
        one = of_channels.scores(model, [first], batches(), taken_on=taken_on)["0"]
        two = of_channels.scores(model, [both], batches(), taken_on=taken_on)["0"]
        assert torch.allclose(two, times * one)


@pytest.mark.parametrize("taken_on", of_channels.TAKEN_ON)
def test_channels_that_nobody_reads_leave_first(taken_on):
    model, groups = net()
    model[3].weight.data[:, [2, 6]] = 0
    found = of_channels.scores(model, groups, batches(), taken_on=taken_on)["0"]
    assert sorted(found.argsort()[:2].tolist()) == [2, 6] and int((found == 0).sum()) == 2


def test_what_is_refused():
    with pytest.raises(ValueError, match="taken_on='gammas'; .* gates, filters, weights"):
        of_channels.check(taken_on="gammas")
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3)), nn.ReLU(), nn.Linear(3, 2))
    x = torch.randn(6, 4)
    found = grouping.find(model, x[:1])
    with pytest.raises(ValueError, match="0.weight.* is computed from other tensors.*'gates'"):
        of_channels.scores(model, found, [(x, torch.arange(6) % 2)], taken_on="filters")


def test_groups_that_no_layer_writes_are_not_judged():
    model, (first, _) = net()
    reader = first._replace(units=(first.units[0]._replace(producer="3", axis=1),))
    assert of_channels.scores(model, [reader], batches(), taken_on="filters") == {}


def test_recipes_take_them():
    trainer = FakeTrainer(epochs=1)
    outcome = lottery.run(trainer, ratio=0.5, saliency="taylor_fo", weights="keep")
    assert outcome.weight_mask.ratio == pytest.approx(0.5, abs=1e-3)
    trainer = FakeTrainer(epochs=1)
    outcome = one_shot.run(trainer, ratio=0.5, criterion="taylor_fo", taken_on="filters")
    assert outcome.mask.kept == 10 and trainer.channels() == 10
    assert [what for _, _, what in trainer.charged] == ["taylor_fo scores"]


@pytest.mark.parametrize("mode", ["coupled", "inner", "select"])
def test_resnet_20(mode):
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    found = grouping.find(model, torch.randn(1, 3, 32, 32), mode=mode)
    data = [(torch.randn(4, 3, 32, 32), torch.arange(4))]
    for taken_on in of_channels.TAKEN_ON:
        scores = of_channels.scores(model, found, data, taken_on=taken_on)
        assert scores and all(torch.isfinite(each).all() for each in scores.values())
        assert len(scores) == len(found) or mode == "select"
