"""Optimal brain surgeon: its scores and its changes of weights against closed forms."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.naive_curvature import flat, gauss_newton, tiny_batches, tiny_net
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune.recipes import obs as recipe
from edgejoule.prune.saliency import obd, obs
from edgejoule.prune.scoring import inverse_blocks
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

NAMES = ["0.weight", "3.weight", "6.weight"]
EXACT = {"curvature": "hessian", "damping": 0.0}


def on_quadratic(monkeypatch, h, weights):
    """(model, mask, batches) whose mean loss is v' H v / 2 of the outputs' weights v."""
    monkeypatch.setattr(functional, "cross_entropy", lambda out, y, reduction: (out**2 / 2).sum())
    model = nn.Sequential(nn.Linear(len(h), 1, bias=False)).double()
    model[0].weight.data = torch.as_tensor([list(map(float, weights))]).double()
    x = torch.linalg.cholesky(len(h) * h).t()  # sum of x x' / images = H
    mask = weight_mask.full(model, ["0.weight"])
    return model, mask, [(x, torch.zeros(len(h), dtype=torch.long))]


def without(mask, *places):
    """The mask without these weights of its only tensor."""
    (name, flags), gone = next(iter(mask.items())), torch.zeros_like(next(iter(mask.values())))
    gone.view(-1)[list(places)] = True
    return WeightMask({name: flags & ~gone})


def quadratic(size):
    torch.manual_seed(size)
    root = torch.randn(size, size).double()
    return root @ root.t() / size + 0.1 * torch.eye(size).double(), torch.randn(size).double()


def cheapest(h, weights, gone):
    """The change that zeroes `gone` and minimises delta' H delta / 2, from the rest's gradient."""
    rest = [each for each in range(len(h)) if each not in gone]
    delta = torch.zeros(len(h)).double()
    delta[gone] = -weights[gone]
    delta[rest] = torch.linalg.solve(h[rest][:, rest], -(h[rest][:, gone] @ delta[gone]))
    return delta


def test_the_worked_example(monkeypatch):
    h = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double()
    model, mask, data = on_quadratic(monkeypatch, h, [1, -1])
    scores, adjust = obs.surgery(model, mask, data, **EXACT)
    assert scores["0.weight"][0].tolist() == pytest.approx([5 / 6, 5 / 4])
    adjust(without(mask, 0))
    change = model[0].weight.detach()[0] - torch.tensor([1.0, -1.0]).double()
    assert change.tolist() == pytest.approx([-1, 1 / 3])
    assert float(change @ h @ change / 2) == pytest.approx(5 / 6)


@pytest.mark.parametrize("gone", [[3], [0, 4], [1, 2, 5]])
def test_of_a_quadratic_the_rest_goes_to_its_minimum(monkeypatch, gone):
    h, weights = quadratic(6)
    model, mask, data = on_quadratic(monkeypatch, h, weights)
    scores, adjust = obs.surgery(model, mask, data, **EXACT)
    expected = cheapest(h, weights, gone)
    if len(gone) == 1:
        price = float(expected @ h @ expected / 2)
        assert float(scores["0.weight"].view(-1)[gone[0]]) == pytest.approx(price)
    adjust(without(mask, *gone))
    found = model[0].weight.detach()[0]
    assert torch.allclose(found, weights + expected, atol=1e-9)
    assert not found[gone].any()


def test_each_as_if_it_were_the_only_one(monkeypatch):
    h, weights = quadratic(5)
    model, mask, data = on_quadratic(monkeypatch, h, weights)
    _, adjust = obs.surgery(model, mask, data, **EXACT)
    adjust(without(mask, 0, 2), False)
    expected = weights + cheapest(h, weights, [0]) + cheapest(h, weights, [2])
    expected[[0, 2]] = 0
    assert torch.allclose(model[0].weight.detach()[0], expected, atol=1e-9)


def test_without_mixed_terms_it_is_optimal_brain_damage(monkeypatch):
    h = torch.diag(torch.tensor([0.5, 2.0, 3.0]).double())
    case = on_quadratic(monkeypatch, h, [1, -2, 0.5])
    damage = obd.scores(*case, curvature="hessian")["0.weight"]
    assert torch.allclose(obs.scores(*case, **EXACT)["0.weight"], damage)


def test_weights_that_are_gone_make_up_for_nothing(monkeypatch):
    """After a first round the second is that of the smaller quadratic."""
    h, weights = quadratic(5)
    model, mask, data = on_quadratic(monkeypatch, h, weights)
    first = without(mask, 1)
    weight_mask.apply(model, first)
    scores, adjust = obs.surgery(model, first, data, **EXACT)
    rest = [0, 2, 3, 4]
    inverse = torch.linalg.inv(h[rest][:, rest])
    expected = weights[rest] ** 2 / inverse.diagonal() / 2
    assert torch.allclose(scores["0.weight"][0][rest], expected)
    adjust(without(first, 3))
    found = model[0].weight.detach()[0]
    assert torch.allclose(
        found[rest], weights[rest] + cheapest(h[rest][:, rest], weights[rest], [2])
    )
    assert not found[1] and not found[3]


def test_damping_is_a_share_of_the_mean_diagonal(monkeypatch):
    h, weights = quadratic(4)
    case = on_quadratic(monkeypatch, h, weights)
    damped = h + 0.3 * h.diagonal().mean() * torch.eye(4).double()
    expected = weights**2 / torch.linalg.inv(damped).diagonal() / 2
    found = obs.scores(*case, curvature="hessian", damping=0.3)["0.weight"][0]
    assert torch.allclose(found, expected)


def test_the_whole_matrix_of_a_small_network():
    model, data = tiny_net(), tiny_batches()
    mask = weight_mask.full(model, NAMES)
    h = gauss_newton(model, NAMES, data)
    h = h + 1e-4 * h.diagonal().mean() * torch.eye(len(h)).double()
    weights = flat(model.get_parameter(name).detach() for name in NAMES)
    found = obs.scores(model, mask, data)
    expected = weights**2 / torch.linalg.inv(h).diagonal() / 2
    assert torch.allclose(flat(found[name] for name in NAMES), expected, rtol=1e-5)


def test_blocks_see_nothing_outside():
    """Blocks of 10 consecutive weights of a tensor, the last one shorter, some weights gone."""
    model, data = tiny_net(), tiny_batches()
    torch.manual_seed(1)
    mask = weight_mask.full(model, NAMES)
    after = WeightMask((name, torch.rand(flags.shape) < 0.7) for name, flags in mask.items())
    whole = gauss_newton(model, NAMES, data)
    flags = flat(after[name] for name in NAMES)
    mean = whole.diagonal()[flags].mean()
    weights = flat(model.get_parameter(name).detach() for name in NAMES)
    found = flat(obs.scores(model, after, data, block=10)[name] for name in NAMES)
    begin = 0
    for name in NAMES:
        end = begin + mask[name].numel()
        for first in range(begin, end, 10):
            block = [each for each in range(first, min(end, first + 10)) if flags[each]]
            h = whole[block][:, block] + 1e-4 * mean * torch.eye(len(block)).double()
            expected = weights[block] ** 2 / torch.linalg.inv(h).diagonal() / 2
            assert torch.allclose(found[block], expected, rtol=1e-5)
        begin = end
    assert begin == mask.weights


def test_a_weight_that_reaches_nothing_costs_the_damping():
    model, data = tiny_net(), tiny_batches()
    model[3].weight.data[:, 1] = 0  # channel 1 of the first layer is read by nobody
    found = obs.scores(model, weight_mask.full(model, NAMES), data)
    added = 1e-4 * gauss_newton(model, NAMES, data).diagonal().mean()
    expected = model[0].weight.detach()[1] ** 2 * added / 2  # nothing but the damping
    assert torch.allclose(found["0.weight"][1], expected, rtol=1e-6)
    assert (found["0.weight"][0] > model[0].weight.detach()[0] ** 2 * added / 2).all()


def test_a_network_without_curvature_is_ranked_by_size():
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    mask, x = weight_mask.full(model, ["0.weight"]), torch.zeros(3, 2)
    found = obs.scores(model, mask, [(x, torch.tensor([0, 1, 0]))])["0.weight"]
    order = model[0].weight.detach().abs().view(-1).argsort()
    assert torch.equal(found.view(-1).argsort(), order) and (found > 0).all()


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="block=0; damping starts at 0, a block at one weight"):
        obs.check(block=0)
    with pytest.raises(ValueError, match="block=4 has no effect with curvature='hessian'"):
        obs.check(block=4, curvature="hessian")
    model, data = small_net(), [(torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))]
    mask = weight_mask.full(model, weight_mask.names(model))
    with pytest.raises(ValueError, match="curvature is singular.*damping above 0"):
        obs.scores(model, mask, data, damping=0.0)
    wide = WeightMask({"0.weight": torch.ones(20, 60000, dtype=torch.bool)})
    with pytest.raises(ValueError, match="block=60000 over 1200000 weights takes 536 GiB"):
        obs.scores(nn.Sequential(nn.Linear(1, 1)), wide, data, block=60000)
    wide = nn.Sequential(nn.Flatten(), nn.Linear(192, 11))
    with pytest.raises(ValueError, match="each of 2112 weights; up to 2000 are"):
        obs.scores(wide, weight_mask.full(wide, ["1.weight"]), data, curvature="hessian")


def test_its_work():
    """Linear 4 -> 3 -> 2 on 7 images; 18 weights in one block, then in 3 + 2 blocks of 4."""
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Tanh(), nn.Linear(3, 2))
    mask = weight_mask.full(model, weight_mask.names(model))
    data = [(torch.randn(4, 4), None), (torch.randn(3, 4), None)]
    passes = 7 * 2 * (18 + 2 * (6 + 18))
    assert obs.flops(model, mask, data) == passes + 2 * 14 * 18**2 + 11 * 18**3
    assert obs.flops(model, mask, data, block=4) == passes + 5 * (2 * 14 * 4**2 + 11 * 4**3)
    assert inverse_blocks.change_work(mask, 4) == 5 * (2 * 4**3 // 3 + 2 * 4**2)


def run(**options):
    """(trainer, outcome, the loss on all images) of the recipe without retraining.

    The network is trained well first: the quadratic model is one around a minimum.
    """
    trainer = FakeTrainer(epochs=20)
    outcome = recipe.run(trainer, ratio=0.4, rounds=4, retrain_epochs=0, score_batches=3, **options)
    trainer.model.eval()
    with torch.no_grad():
        loss = functional.cross_entropy(trainer.model(trainer.x), trainer.y)
    return trainer, outcome, float(loss)


@pytest.mark.parametrize("saliency", ["obs", "mlprune"])
def test_making_up_keeps_the_loss_lower_without_any_retraining(saliency):
    options = {"obs": {"block": 64}, "mlprune": {}}[saliency]
    trainer, outcome, loss = run(saliency=saliency, **options)
    without_change, _, higher = run(saliency=saliency, update="none", **options)
    assert loss < 0.95 * higher
    mask = outcome.weight_mask
    assert mask.weights - mask.kept == int(0.4 * mask.weights)
    for name, flags in mask.items():
        assert torch.equal(outcome.model.get_parameter(name).detach() != 0, flags)
    said = [what for _, _, what in trainer.charged]
    assert said == ["{} scores".format(saliency), "{} changes of weights".format(saliency)] * 4
    assert [what for _, _, what in without_change.charged] == said[::2]


def test_rounds_are_retrained_at_the_last_rate():
    trainer = FakeTrainer(epochs=3)
    outcome = recipe.run(trainer, ratio=0.5, rounds=2, retrain_epochs=1, block=16, score_batches=1)
    assert trainer.phases() == [("dense", 3), ("retrain", 2)]
    assert [row[3] for row in trainer.log[3:]] == pytest.approx([0.0005] * 2)
    kept = [stage["kept"] for stage in outcome.facts["masked"]]
    assert kept == [
        outcome.weight_mask.weights - int(outcome.weight_mask.weights * gone + 1e-9)
        for gone in (1 - 0.5**0.5, 0.5)
    ]


def test_a_saliency_that_changes_no_weights_is_refused():
    with pytest.raises(ValueError, match="'magnitude' knows no change .*'lottery'"):
        recipe.run(FakeTrainer(), ratio=0.5, saliency="magnitude")
    with pytest.raises(ValueError, match="update='all'; there are: joint, apart, none"):
        recipe.run(FakeTrainer(), ratio=0.5, update="all")
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match="score_batches=0; curvature takes at least one"):
        recipe.run(trainer, ratio=0.5, score_batches=0)
    assert trainer.log == []  # before any training


def test_resnet_20_in_blocks():
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    mask = weight_mask.full(model, weight_mask.names(model, "linear"))
    mask.update(weight_mask.full(model, weight_mask.names(model)[:3]))
    scores, adjust = obs.surgery(
        model, mask, [(torch.randn(4, 3, 32, 32), torch.arange(4))], curvature="true_fisher"
    )
    after = weight_mask.lowest(scores, mask, mask.weights // 2)
    adjust(after)
    for name, flags in after.items():
        assert torch.equal(model.get_parameter(name).detach() != 0, flags)
