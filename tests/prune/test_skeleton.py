"""Skeletonization: relevance by the worked example and by finite differences, and its rounds."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.criteria import skeleton, snap
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import skeleton as recipe

INPUTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).double()
LABELS = torch.tensor([0, 1, 1, 0])


def xor_net():
    """2-3-1 with logistic units; its output z as two classes with logits 0 and z."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2)).double()
    model[0].weight.data = torch.tensor([[4.0, 4.0], [-3.0, -3.0], [0.1, -0.2]]).double()
    model[0].bias.data = torch.tensor([-2.0, 5.0, 0.0]).double()
    model[2].weight.data = torch.tensor([[0.0, 0.0, 0.0], [5.0, 5.0, 0.3]]).double()
    model[2].bias.data = torch.tensor([0.0, -7.5]).double()
    return model, [group(model, "0", None, ["2"])]


def error(model, strengths=(1, 1, 1), quadratic=False):
    """sum |t - o| over the four patterns, or half the sum of squares, at attentional strengths."""
    hidden = torch.sigmoid(INPUTS @ model[0].weight.t() + model[0].bias)
    alpha = torch.as_tensor(strengths).double()
    out = torch.sigmoid((hidden * alpha) @ model[2].weight[1] + model[2].bias[1])
    gap = (LABELS - out).abs()
    return (gap**2).sum() / 2 if quadratic else gap.sum()


def test_the_worked_example():
    model, groups = xor_net()
    outputs = model(INPUTS).softmax(1)[:, 1]
    assert outputs.tolist() == pytest.approx([0.143386, 0.808922, 0.812367, 0.264026], abs=1e-6)
    found = skeleton.scores(model, groups, [(INPUTS, LABELS)])["0"]
    # over two classes the error counts twice, and it is the mean of four patterns
    assert (2 * found).tolist() == pytest.approx([0.309613, 0.480678, -0.001235], abs=1e-6)


def test_removing_a_unit_costs_what_its_relevance_says_in_order():
    model, groups = xor_net()
    whole = error(model).item()
    exact = [error(model, [float(i != unit) for i in range(3)]).item() - whole for unit in range(3)]
    assert exact == pytest.approx([1.201259, 1.201040, 0.002738], abs=1e-6)
    found = skeleton.scores(model, groups, [(INPUTS, LABELS)])["0"]
    assert int(found.argmin()) == 2 == exact.index(min(exact))


def test_a_quadratic_error_would_remove_a_unit_that_matters():
    model, _ = xor_net()
    alpha = torch.ones(3).double().requires_grad_()
    slope = -torch.autograd.grad(error(model, alpha, quadratic=True), alpha)[0]
    assert slope.tolist() == pytest.approx([-0.010360, 0.099567, -0.001460], abs=1e-6)
    assert int(slope.argmin()) == 0


def test_a_harmful_unit_leaves_first_and_last_by_size():
    model, groups = xor_net()
    model[2].weight.data[1, 2] = -6.0  # it holds down what should rise
    data = [(INPUTS, LABELS)]
    signed = skeleton.scores(model, groups, data)["0"]
    assert int(signed.argmin()) == 2 and signed[2] < 0
    sized = skeleton.scores(model, groups, data, absolute=True)["0"]
    assert torch.equal(sized, signed.abs())


def net():
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


@pytest.mark.parametrize("loss", skeleton.LOSSES)
def test_relevance_is_the_derivative_of_what_readers_read(loss):
    """Strengths on the units of the first layer, behind norm and activation, by differences."""
    model, groups = net()
    x, y = batches((6,))[0]
    found = skeleton.scores(model, groups, [(x, y)], loss=loss)["0"]
    hidden = model.eval()[:3](x).detach()

    def mean_error(unit, strength):
        scaled = hidden.clone()
        scaled[:, unit] *= strength
        out = model[3:](scaled)
        if loss == "ce":
            return functional.cross_entropy(out, y).item()
        p = out.softmax(1)
        return (functional.one_hot(y, 4) - p).abs().sum().item() / len(x)

    for unit in range(8):
        slope = (mean_error(unit, 1 + 1e-5) - mean_error(unit, 1 - 1e-5)) / 2e-5
        assert float(found[unit]) == pytest.approx(-slope, rel=1e-4, abs=1e-9)


def test_with_cross_entropy_it_is_snap_with_its_sign():
    model, groups = net()
    data = batches()
    mean = functional.cross_entropy(model.eval()(data[0][0]), data[0][1]).item()
    expected = snap.scores(model, groups, data[:1])
    for name, each in skeleton.scores(model, groups, data[:1], loss="ce").items():
        assert torch.allclose(each.abs(), expected[name] * (mean + 1e-8), rtol=1e-6)
        assert (each < 0).any() and (each > 0).any()


def test_low_pass_over_batches():
    """.8 old + .2 new from 0, divided by 1 - .8^k: .2, .36, .67232, .892626 for k = 1, 2, 5, 10."""
    model, groups = net()
    one, two = batches()
    each = [skeleton.scores(model, groups, [batch])["0"] for batch in (one, two)]
    for count, whole in ((1, 0.2), (2, 0.36), (5, 0.67232), (10, 0.892626)):
        assert 1 - 0.8**count == pytest.approx(whole, abs=1e-6)
        same = skeleton.scores(model, groups, [one] * count)["0"]
        assert torch.allclose(same, each[0])
    both = skeleton.scores(model, groups, [one, two])["0"]
    assert torch.allclose(both, (0.8 * 0.2 * each[0] + 0.2 * each[1]) / 0.36)
    last = skeleton.scores(model, groups, [one, two], smoothing=0.0)["0"]
    assert torch.allclose(last, each[1])


def test_dead_units_have_relevance_zero():
    model, groups = net()
    model[1].weight.data[5], model[1].bias.data[5] = 0, 0
    model[3].weight.data[:, 2] = 0
    found = skeleton.scores(model, groups, batches())["0"]
    assert found[5] == found[2] == 0 and int((found == 0).sum()) == 2


def test_settings_are_checked():
    with pytest.raises(ValueError, match="no loss called 'mse'; there are: linear, ce"):
        skeleton.check(loss="mse")
    with pytest.raises(ValueError, match=r"smoothing=1.0; .* lies in \[0, 1\)"):
        skeleton.check(smoothing=1.0)
    for wrong in ({"step": 0.0}, {"between": -1}, {"goal_batches": 0}):
        with pytest.raises(ValueError, match="a step lies in"):
            recipe.run(FakeTrainer(), ratio=0.5, **wrong)
    with pytest.raises(ValueError, match="goal=0.5 with between=0; .* set between to 1"):
        recipe.run(FakeTrainer(), ratio=0.5, goal=0.5, between=0)


def test_rounds_of_equal_size():
    assert recipe.shares(0.5, 0.2, 20) == [4 / 20, 8 / 20, 10 / 20]
    assert recipe.shares(0.3, 0.01, 10) == [0.1, 0.2, 0.3]  # at least one unit
    assert recipe.shares(0.0, 0.2, 20) == []


def test_units_leave_round_by_round():
    trainer = FakeTrainer(epochs=4)
    outcome = recipe.run(trainer, ratio=0.5, step=0.2, between=2)
    assert trainer.phases() == [("dense", 4), ("retrain", 6)]
    assert [row[4] for row in trainer.log[4:]] == [16, 16, 12, 12, 10, 10]
    assert [row[3] for row in trainer.log[4:]] == pytest.approx([0.0005] * 6)
    assert outcome.mask.kept == 10 and outcome.facts == {"rounds": 3, "losses": [None] * 3}
    assert [what for _, _, what in trainer.charged] == ["skeleton scores"] * 3


def test_a_round_ends_when_its_goal_is_reached():
    trainer = FakeTrainer(epochs=2)
    outcome = recipe.run(trainer, ratio=0.5, step=0.2, between=3, goal=50.0)
    assert trainer.phases() == [("dense", 2), ("retrain", 3)]  # one epoch a round was enough
    assert outcome.mask.kept == 10 and trainer.warnings == []
    work = [flops for _, flops, what in trainer.charged if what.startswith("the loss")]
    assert len(work) == 3 and work == sorted(work, reverse=True)


def test_a_goal_that_is_missed_gives_the_network_before():
    """Without retraining worth the name: the second round loses what the first had kept."""
    probe = FakeTrainer(epochs=6)
    losses = recipe.run(probe, ratio=0.5, step=0.2, between=1, goal=1e-9).facts["losses"]
    assert len(losses) == 1  # no network reaches that: the dense one is the answer
    assert probe.channels() == 20 and "round 1 ended at a loss of" in probe.warnings[0]
    trainer = FakeTrainer(epochs=6)
    outcome = recipe.run(trainer, ratio=0.9, step=0.2, between=1, goal=losses[0] + 1e-6)
    assert outcome.facts["losses"][0] == losses[0] < outcome.facts["losses"][-1]
    rounds = outcome.facts["rounds"]
    assert outcome.mask.kept == trainer.channels() == 20 - 4 * (rounds - 1) < 20
    assert "the network before it is the answer" in trainer.warnings[-1]
    assert trainer.model is outcome.model


def test_the_cut_network_is_the_masked_one():
    trainer = FakeTrainer(epochs=1)
    dense = trainer.model
    outcome = recipe.run(trainer, ratio=0.3, step=0.3, between=0)
    example = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), example, atol=1e-5)


@pytest.mark.parametrize("mode", ["coupled", "inner", "select"])
def test_resnet_20(mode):
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    found = grouping.find(model, torch.randn(1, 3, 32, 32), mode=mode)
    data = [(torch.randn(4, 3, 32, 32), torch.arange(4))]
    scores = skeleton.scores(model, found, data)
    assert set(scores) == {each.name for each in found}
    assert all(torch.isfinite(each).all() and each.any() for each in scores.values())


def test_what_nobody_reads_through_a_weight_stays_whole():
    model, groups = net()
    bare = group(model, "8")
    assert set(skeleton.scores(model, groups + [bare], batches())) == {"0", "3"}
    assert skeleton.scores(model, [bare], batches()) == {}


def test_readers_that_are_not_plain_are_not_judged():
    torch.manual_seed(1)
    grouped = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=4), nn.ReLU())
    model = nn.Sequential(*grouped, nn.Flatten(), nn.utils.weight_norm(nn.Linear(16, 8)), nn.ReLU())
    model.add_module("out", nn.Linear(8, 3))
    x = torch.randn(5, 1, 2, 2)
    found = grouping.find(model, x[:1])
    judged = skeleton.scores(model, found, [(x, torch.arange(5) % 3)])
    assert [each.channels for each in found if each.name in judged] == [8]
    assert [each.channels for each in found] == [4, 8]


def test_depthwise_filters_move_with_their_channel():
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=4), nn.ReLU(), nn.Conv2d(4, 3, 2)
    ).double()
    model.add_module("flat", nn.Flatten())
    x, y = torch.randn(5, 1, 2, 2).double(), torch.arange(5) % 3
    (found,) = grouping.find(model, x[:1])
    score = skeleton.scores(model, [found], [(x, y)])[found.name]
    alpha = torch.ones(1, 4, 1, 1).double().requires_grad_()
    error = skeleton.linear_error(model[4:](model[:4](x) * alpha), y) / len(x)
    assert torch.allclose(score, -torch.autograd.grad(error, alpha)[0].view(-1))
