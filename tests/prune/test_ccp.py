"""CCP: terms by hand and against true Hessians, the quadratic program, the recipe end to end."""

import itertools

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import ccp
from edgejoule.prune.scoring import binary_program, interactions
from edgejoule.prune.scoring.gate_gradients import gated


def softmax_layer():
    """A linear softmax classifier whose outputs are gated, and its two images."""
    model = nn.Sequential(nn.Linear(2, 3, bias=False)).double()
    model[0].weight.data = torch.tensor([[0.5, -0.2], [0.1, 0.3], [-0.4, 0.2]]).double()
    x, y = torch.tensor([[1.0, 2.0], [-1.0, 0.5]]).double(), torch.tensor([0, 2])
    return model, [group(model, "0")], x, y


def terms_of(hessian):
    model, groups, x, y = softmax_layer()
    found = interactions.terms(model, groups, [(x[:1], y[:1]), (x[1:], y[1:])], hessian)["0"]
    return found.linear.numpy(), found.quadratic.numpy()


def test_the_linear_softmax_in_numbers():
    u, empirical = terms_of("empirical")
    assert u == pytest.approx([-0.087262, 0.179206, -0.123129], abs=1e-6)
    assert np.diag(empirical) == pytest.approx([0.003907, 0.029346, 0.015161], abs=1e-6)
    assert empirical[0, 1] == pytest.approx(-0.006670, abs=1e-6)
    same, ggn = terms_of("ggn")
    assert same == pytest.approx(u)
    assert np.diag(ggn) == pytest.approx([0.013126, 0.030747, 0.015621], abs=1e-6)


@pytest.mark.parametrize(
    "hessian, expected",
    [("ggn", [0.100388, -0.148459, 0.138750]), ("empirical", [0.091169, -0.149860, 0.138289])],
)
def test_predicted_changes_come_near_the_true_ones(hessian, expected):
    model, _, x, y = softmax_layer()
    u, s = terms_of(hessian)
    whole = functional.cross_entropy(model(x), y)
    for row, true in enumerate([0.102089, -0.149215, 0.138628]):
        rows = torch.ones(3, 1).double()
        rows[row] = 0
        change = functional.cross_entropy(x @ (model[0].weight * rows).t(), y) - whole
        assert float(change.detach()) == pytest.approx(true, abs=1e-6)
        z = np.eye(3)[row]
        assert binary_program.cost(s, u, z) == pytest.approx(expected[row], abs=1e-6)


def test_the_pair_that_leaves_best():
    u, s = terms_of("empirical")
    costs = {
        pair: binary_program.cost(s, u, np.eye(3)[list(pair)].sum(0))
        for pair in itertools.combinations(range(3), 2)
    }
    expected = {(0, 1): -0.072031, (0, 2): 0.241939, (1, 2): -0.013562}
    assert costs == {pair: pytest.approx(each, abs=1e-6) for pair, each in expected.items()}
    assert binary_program.solve(s, u, 2).chosen.tolist() == [True, True, False]


PAIRED = np.array([[0.5, -0.4, 0, 0], [-0.4, 0.5, 0, 0], [0, 0, 0.3, 0], [0, 0, 0, 0.31]])


def test_two_channels_that_make_up_for_each_other_leave_together():
    """The diagonal alone would choose the last two, at .61."""
    found = binary_program.solve(PAIRED, np.zeros(4), 2)
    assert found.chosen.tolist() == [True, True, False, False] and found.cost == pytest.approx(0.2)
    z, _ = binary_program.relaxed(PAIRED, np.zeros(4), 2)
    assert z == pytest.approx([0.7530, 0.7530, 0.2510, 0.2429], abs=1e-4)
    assert binary_program.cost(PAIRED, np.zeros(4), z) == pytest.approx(0.150607, abs=1e-6)


def program(size, seed):
    random = np.random.RandomState(seed)
    factor = random.randn(size, size)
    return factor.dot(factor.T), random.randn(size)


def least(s, u, k):
    return min(
        binary_program.cost(s, u, np.isin(np.arange(len(u)), each).astype(float))
        for each in itertools.combinations(range(len(u)), k)
    )


@pytest.mark.parametrize("seed", range(5))
def test_few_channels_are_solved_exactly(seed):
    s, u = program(8, seed)
    found = binary_program.solve(s, u, 3)
    assert found.cost == pytest.approx(least(s, u, 3)) and found.chosen.sum() == 3
    assert found.cost == pytest.approx(binary_program.cost(s, u, found.chosen.astype(float)))


def test_many_channels_are_solved_well_and_never_worse_than_the_relaxation_rounded(monkeypatch):
    monkeypatch.setattr(binary_program, "FEW", 0)
    exact = 0
    for seed in range(30):
        s, u = program(10, seed)
        found = binary_program.solve(s, u, 4)
        z, _ = binary_program.relaxed(s, u, 4)
        rounded = np.zeros(10)
        rounded[np.argsort(-z)[:4]] = 1
        assert found.cost <= binary_program.cost(s, u, rounded) + 1e-12
        assert binary_program.cost(s, u, z) <= least(s, u, 4) + 1e-9
        exact += found.cost <= least(s, u, 4) + 1e-9
    assert exact >= 20


@pytest.mark.parametrize("seed", range(3))
def test_a_projection_is_the_nearest_point(seed):
    """No feasible direction between two coordinates leads nearer."""
    point = 2 * np.random.RandomState(seed).randn(7)
    z = binary_program.project(point, 3)
    assert z.sum() == pytest.approx(3) and (z >= 0).all() and (z <= 1).all()
    for i, j in itertools.permutations(range(7), 2):
        step = min(1 - z[i], z[j], 1e-3)
        moved = z.copy()
        moved[i] += step
        moved[j] -= step
        assert ((moved - point) ** 2).sum() >= ((z - point) ** 2).sum() - 1e-9


def net():
    torch.manual_seed(0)
    model = small_net().double().eval()
    for norm in (model[1], model[4]):
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.normal_()
        norm.running_mean.normal_()
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def data():
    torch.manual_seed(3)
    return [(torch.randn(n, 3, 8, 8).double(), torch.arange(n) % 4) for n in (5, 4)]


@pytest.mark.parametrize("after_norm", [False, True])
def test_gauss_newton_is_the_true_hessian_of_the_gates(after_norm):
    """Behind the gates are ReLUs, batch norms in evaluation mode and linear layers only."""
    model, groups = net()
    x, y = (torch.cat(each) for each in zip(*data()))
    found = interactions.terms(model, groups, data(), "ggn", after_norm)
    for each, layer in zip(groups, ("1", "4") if after_norm else ("0", "3")):

        def loss(gates, layer=layer):
            with gated(model, {layer: gates}):
                return functional.cross_entropy(model(x), y)

        ones = torch.ones(each.channels).double()
        gradient = torch.autograd.functional.jacobian(loss, ones)
        hessian = torch.autograd.functional.hessian(loss, ones)
        assert torch.allclose(found[each.name].linear, gradient, atol=1e-12)
        assert torch.allclose(found[each.name].quadratic, hessian / 2, atol=1e-12)


def test_empirical_terms_are_outer_products_of_single_images():
    model, groups = net()
    found = interactions.terms(model, groups, data(), "empirical")["0"]
    total, images = 0, 0
    for x, y in data():
        for image, label in zip(x, y):
            gates = torch.ones(8).double().requires_grad_()
            with gated(model, {"0": gates}):
                loss = functional.cross_entropy(model(image[None]), label[None])
            t = torch.autograd.grad(loss, gates)[0]
            total, images = total + torch.ger(t, t), images + 1
    assert torch.allclose(found.quadratic, total / (2 * images), atol=1e-12)


def test_layers_of_one_group_share_a_gate():
    model, (first, second) = net()
    both = first._replace(units=first.units * 2)
    once = interactions.terms(model, [first], data())["0"]
    twice = interactions.terms(model, [both], data())["0"]
    assert torch.allclose(twice.linear, 2 * once.linear)
    assert torch.allclose(twice.quadratic, 4 * once.quadratic)


def test_copies_that_cancel_leave_together_first():
    """Channel 6 is a copy of 1 that all read with the opposite sign; one alone would be missed.

    At a minimum of the loss u is 0, and nothing else can leave for free.
    """
    model, groups = net()
    with torch.no_grad():
        for tensor in list(model[0].parameters()) + list(model[1].parameters()):
            tensor[6] = tensor[1]
        model[1].running_mean[6] = model[1].running_mean[1]
        model[3].weight[:, 6] = -model[3].weight[:, 1]
    s = interactions.terms(model, groups, data())["0"].quadratic.numpy()
    found = binary_program.solve(s, np.zeros(8), 2)
    assert np.flatnonzero(found.chosen).tolist() == [1, 6]
    assert found.cost == pytest.approx(0, abs=1e-12) and s[1, 1] > 1e-6


def test_a_channel_that_nobody_reads_costs_nothing():
    model, groups = net()
    model[3].weight.data[:, 5] = 0
    for hessian in interactions.HESSIANS:
        found = interactions.terms(model, groups, data(), hessian)["0"]
        assert found.linear[5] == 0 and not found.quadratic[5].any() and found.quadratic[4, 4] > 0


@pytest.mark.parametrize("gate", ccp.GATES)
@pytest.mark.parametrize("hessian", interactions.HESSIANS)
def test_the_recipe_cuts_what_the_program_chooses(hessian, gate):
    trainer = FakeTrainer(epochs=0)
    dense = trainer.model
    outcome = ccp.run(
        trainer, ratio=0.5, hessian=hessian, gate=gate, score_batches=2, retrain_epochs=0
    )
    terms = interactions.terms(dense, outcome.groups, trainer.batches(2), hessian, gate == "norm")
    for name, each in terms.items():
        s, u = each.quadratic.numpy(), each.linear.numpy()
        k = int((~outcome.mask[name]).sum())
        assert outcome.facts["predicted_loss_change"][name] == pytest.approx(least(s, u, k))
        z = (~outcome.mask[name]).numpy().astype(float)
        assert binary_program.cost(s, u, z) == pytest.approx(least(s, u, k))
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [4, 6]
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)
    assert [what for _, _, what in trainer.charged] == ["ccp scores", "ccp quadratic programs"]


def test_shares_may_differ_and_min_channels_holds():
    trainer = FakeTrainer(epochs=1)
    outcome = ccp.run(trainer, ratio={"0": 0.75}, score_batches=1, min_channels=4)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [4, 12]
    assert any("held at 4 of 8" in sentence for sentence in trainer.warnings)


def test_work_is_a_forward_and_a_backward_pass_per_logit():
    model, groups = net()
    first, second, last = 3 * 8 * 9 * 64, 8 * 12 * 9 * 64, 12 * 4
    pairs = 8**2 + 12**2
    forward, back = first + second + last, second + last
    assert interactions.flops(model, groups, data()) == 2 * 9 * (forward + 4 * (back + pairs))
    assert interactions.flops(model, groups, data(), "empirical") == 2 * 9 * (
        forward + back + pairs
    )


@pytest.mark.parametrize(
    "options, words",
    [
        ({"hessian": "full"}, "hessian='full'"),
        ({"gate": "relu"}, "gate='relu'"),
        ({"score_batches": 0}, "score_batches=0"),
        ({"ratio": {"9": 0.5}}, "no group matches '9'"),
    ],
)
def test_it_refuses_before_it_trains(options, words):
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match=words):
        ccp.run(trainer, **dict({"ratio": 0.5}, **options))
    assert not trainer.log


@pytest.mark.parametrize("mode", ["inner", "coupled"])
def test_it_judges_every_group_of_resnet20(mode):
    model = plugins.load("models", "resnet20").build()
    x = torch.randn(4, 3, 32, 32)
    found = grouping.find(model, x, mode=mode)
    terms = interactions.terms(model, found, [(x, torch.arange(4))], "empirical")
    assert {each.name for each in found} == set(terms)
