"""Curvature of the loss against its definition, and optimal brain damage, which takes its diagonal.

All in float64, so that nothing but the order of sums differs.
"""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer
from rigs.naive_curvature import (
    empirical_fisher,
    flat,
    gauss_newton,
    tiny_batches,
    tiny_net,
)
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune.recipes import lottery
from edgejoule.prune.saliency import obd
from edgejoule.prune.scoring import curvature, sample_gradients
from edgejoule.prune.weightmasks import weight_mask

NAMES = ["0.weight", "3.weight", "6.weight"]


def perceptron():
    """(model, names, batches): few weights, a smooth activation, one weight that is read twice."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    data = [(torch.randn(n, 3).double(), torch.arange(n) % 3) for n in (4, 3)]
    return model, ["0.weight", "2.weight"], data


@pytest.mark.parametrize(
    "kind, naive", [("gauss_newton", gauss_newton), ("empirical_fisher", empirical_fisher)]
)
def test_the_diagonal_is_that_of_the_whole_matrix(kind, naive):
    model, data = tiny_net(), tiny_batches()
    found = curvature.diagonal(model, NAMES, data, kind)
    expected = naive(model, NAMES, data).diagonal()
    assert all(found[name].shape == model.get_parameter(name).shape for name in NAMES)
    assert torch.allclose(flat(found[name] for name in NAMES), expected, rtol=1e-9, atol=1e-14)
    assert float(expected.min()) >= 0 and float(expected.max()) > 0


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (4, 9)),
        (nn.Conv2d(2, 3, (3, 2), padding=(1, 1), padding_mode="circular"), (2, 5, 4)),
        (nn.Conv2d(2, 2, (3, 5), padding="same", dilation=(2, 1)), (2, 6, 6)),
        (nn.Conv3d(1, 2, 2), (1, 3, 3, 3)),
        (nn.Linear(4, 2), (5, 4)),
    ],
)
def test_gradients_of_single_images_of_every_kind_of_layer(layer, shape):
    torch.manual_seed(2)
    layer, x = layer.double(), torch.randn((3,) + shape).double()
    y = layer(x)
    slope = torch.randn_like(y)
    call = sample_gradients.Call(x, slope)
    found = sample_gradients.of_images(layer, [call, call], slice(1, 3))
    for place, image in enumerate((1, 2)):
        expected = torch.autograd.grad(
            layer(x[image : image + 1]), layer.weight, slope[image : image + 1]
        )[0]
        assert torch.allclose(found[place], 2 * expected, atol=1e-12)  # two calls


def test_a_layer_that_is_called_twice_counts_both():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3, bias=False)

        def forward(self, x):
            return self.layer(torch.tanh(self.layer(x)))

    torch.manual_seed(3)
    model, data = Twice().double(), [(torch.randn(4, 3).double(), torch.arange(4) % 3)]
    found = curvature.diagonal(model, ["layer.weight"], data, "gauss_newton")["layer.weight"]
    expected = gauss_newton(model, ["layer.weight"], data).diagonal()
    assert torch.allclose(flat([found]), expected, rtol=1e-9)


def test_the_hessian_is_that_of_double_differentiation():
    model, names, data = perceptron()
    x, y = torch.cat([x for x, _ in data]), torch.cat([y for _, y in data])
    b, c = model[0].bias.detach(), model[2].bias.detach()

    def loss(v):
        hidden = torch.tanh(x @ v[:12].view(4, 3).t() + b)
        return functional.cross_entropy(hidden @ v[12:].view(3, 4).t() + c, y)

    weights = flat(model.get_parameter(name).detach() for name in names)
    expected = torch.autograd.functional.hessian(loss, weights)
    assert torch.allclose(curvature.hessian(model, names, data), expected, atol=1e-12)
    found = curvature.diagonal(model, names, data, "hessian")
    assert torch.allclose(flat(found[name] for name in names), expected.diagonal(), atol=1e-12)


def test_of_a_linear_model_gauss_newton_is_the_hessian():
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(5, 3)).double()
    data = [(torch.randn(6, 5).double(), torch.arange(6) % 3)]
    exact = curvature.diagonal(model, ["0.weight"], data, "hessian")["0.weight"]
    found = curvature.diagonal(model, ["0.weight"], data, "gauss_newton")["0.weight"]
    assert torch.allclose(found, exact, atol=1e-14)


def test_labels_drawn_from_the_answers_give_gauss_newton_on_average():
    """One image many times: the mean over drawn labels, within three standard errors."""
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(3, 3)).double()
    x = torch.randn(1, 3).double().expand(20000, 3)
    data = [(x, torch.zeros(20000, dtype=torch.long))]
    drawn = curvature.diagonal(model, ["0.weight"], data, "true_fisher")["0.weight"]
    exact = curvature.diagonal(model, ["0.weight"], data, "gauss_newton")["0.weight"]
    assert torch.allclose(drawn, exact, rtol=0.08)
    by_label = curvature.diagonal(model, ["0.weight"], data, "empirical_fisher")["0.weight"]
    assert not torch.allclose(by_label, exact, rtol=0.2)  # every image has label 0


def test_drawn_labels_follow_the_seed_of_the_run():
    model, names, data = perceptron()
    torch.manual_seed(7)
    first = curvature.diagonal(model, names, data, "true_fisher")
    torch.rand(3)
    again = curvature.diagonal(model, names, data, "true_fisher")
    torch.manual_seed(8)
    other = curvature.diagonal(model, names, data, "true_fisher")
    assert torch.equal(first["0.weight"], again["0.weight"])
    assert not torch.equal(first["0.weight"], other["0.weight"])


def test_a_few_images_at_a_time_are_all_images(monkeypatch):
    model, data = tiny_net(), tiny_batches((5,))
    whole = curvature.diagonal(model, NAMES, data, "gauss_newton")
    monkeypatch.setattr(curvature, "CHUNK", 150)  # two images of the smaller layers, one of others
    parts = curvature.diagonal(model, NAMES, data, "gauss_newton")
    assert all(torch.allclose(whole[name], parts[name], rtol=1e-12) for name in NAMES)


@pytest.mark.parametrize("kind", curvature.CURVATURES)
def test_nothing_of_it_stays_behind(kind):
    model, data = tiny_net(), tiny_batches()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    curvature.diagonal(model, NAMES, data, kind)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def on_quadratic(monkeypatch, matrix, weights):
    """(model, mask, batches) whose mean loss is w' H w / 2 of one linear layer."""
    h = torch.tensor(matrix).double()
    monkeypatch.setattr(functional, "cross_entropy", lambda out, y, reduction: (out**2 / 2).sum())
    model = nn.Sequential(nn.Linear(len(h), 1, bias=False)).double()
    model[0].weight.data = torch.tensor([weights]).double()
    # rows x with sum of x x' / images = H
    x = torch.linalg.cholesky(len(h) * h).t()
    mask = weight_mask.full(model, ["0.weight"])
    return model, mask, [(x, torch.zeros(len(h), dtype=torch.long))]


def test_optimal_brain_damage_of_a_quadratic(monkeypatch):
    case = on_quadratic(monkeypatch, [[2.0, 1.0], [1.0, 3.0]], [1.0, -1.0])
    found = obd.scores(*case, curvature="hessian")["0.weight"]
    assert found.tolist()[0] == pytest.approx([1, 1.5])


def test_optimal_brain_damage_is_half_the_diagonal_times_the_square():
    model, data = tiny_net(), tiny_batches()
    found = obd.scores(model, weight_mask.full(model, NAMES), data)
    weights = flat(model.get_parameter(name).detach() for name in NAMES)
    expected = gauss_newton(model, NAMES, data).diagonal() * weights**2 / 2
    assert torch.allclose(flat(found[name] for name in NAMES), expected, rtol=1e-9, atol=1e-14)


def test_at_a_minimum_the_score_is_what_a_deletion_costs():
    """A linear model trained to its minimum; scores against the loss without each weight."""
    torch.manual_seed(6)
    model = nn.Sequential(nn.Linear(3, 3)).double()
    x = torch.randn(60, 3).double()
    data = [(x, (x + torch.randn(60, 3).double()).argmax(1))]
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=200, tolerance_grad=1e-12)

    def closure():
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(x), data[0][1])
        loss.backward()
        return loss

    optimiser.step(closure)
    weight = model[0].weight
    least = float(closure().detach())
    found = obd.scores(model, weight_mask.full(model, ["0.weight"]), data)["0.weight"].detach()
    place = divmod(int(found.argmin()), 3)
    score = float(found[place])
    with torch.no_grad():
        weight[place] = 0
    assert float(closure().detach()) - least == pytest.approx(score, rel=0.2)


def test_weights_that_reach_nothing_leave_first():
    model, data = tiny_net(), tiny_batches()
    model[3].weight.data[:, 1] = 0  # channel 1 of the first layer is read by nobody
    found = obd.scores(model, weight_mask.full(model, NAMES), data)
    assert not found["0.weight"][1].any() and found["0.weight"][0].all()


def test_what_it_cannot_judge_is_refused():
    model, names, data = perceptron()
    with pytest.raises(ValueError, match="no curvature called 'flat'; there are: gauss_newton, "):
        obd.check(curvature="flat")
    wide = nn.Sequential(nn.Linear(50, 50), nn.Linear(50, 3))
    mask = weight_mask.full(wide, weight_mask.names(wide))
    with pytest.raises(ValueError, match="each of 2650 weights; up to 2000 .*gauss_newton"):
        obd.scores(wide, mask, [(torch.randn(2, 50), torch.tensor([0, 1]))], curvature="hessian")
    upwards = nn.Sequential(nn.ConvTranspose2d(1, 1, 2), nn.Flatten(), nn.Linear(9, 3))
    with pytest.raises(ValueError, match="0.weight belongs to a ConvTranspose2d"):
        obd.scores(upwards, weight_mask.full(upwards, ["0.weight"]), [])
    folded = nn.Sequential(nn.Flatten(0, 1), nn.Linear(4, 3), nn.Unflatten(0, (2, 2)))
    mask = weight_mask.full(folded, ["1.weight"])
    with pytest.raises(ValueError, match=r"needs outputs \[images, classes\].*\[2, 2, 3\]"):
        obd.scores(folded, mask, [(torch.randn(2, 2, 4), torch.tensor([0, 1]))])
    mean = nn.Sequential(folded, nn.AdaptiveAvgPool1d(1), nn.Flatten())
    mask = weight_mask.full(mean, ["0.1.weight"])
    with pytest.raises(ValueError, match=r"0.1.weight read \[4, 4\] for 2 images"):
        obd.scores(mean, mask, [(torch.randn(2, 2, 4), torch.tensor([0, 1]))])


def test_its_work():
    """Linear 4 -> 3 -> 2 on 7 images: 18 MACs forward, 6 again backward, 18 of gradients."""
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Tanh(), nn.Linear(3, 2))
    mask = weight_mask.full(model, weight_mask.names(model))
    data = [(torch.randn(4, 4), None), (torch.randn(3, 4), None)]
    passes = {"gauss_newton": 2, "true_fisher": 1, "empirical_fisher": 1}
    for kind, times in passes.items():
        expected = 7 * 2 * (18 + times * (6 + 18) + times * 18)  # squares are added up too
        assert obd.flops(model, mask, data, curvature=kind) == expected
    assert obd.flops(model, mask, data) == obd.flops(model, mask, data, curvature="gauss_newton")
    whole = 18 + 6 + 18
    assert obd.flops(model, mask, data, curvature="hessian") == 7 * 2 * (whole + 18 * 2 * whole)
    last = weight_mask.full(model, ["2.weight"])
    assert obd.flops(model, last, data, curvature="true_fisher") == 7 * 2 * (18 + 6 + 6)


def test_prune_and_retrain_by_turns():
    trainer = FakeTrainer(epochs=1)
    outcome = lottery.run(
        trainer, ratio=0.5, saliency="obd", rounds=2, weights="keep", curvature="true_fisher"
    )
    assert outcome.weight_mask.ratio == pytest.approx(0.5, abs=1e-3)
    assert trainer.phases() == [("dense", 1), ("retrain", 2)]
    assert [(phase, what) for phase, _, what in trainer.charged] == [("score", "obd scores")] * 2


def test_resnet_20():
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    mask = weight_mask.full(model, weight_mask.names(model))
    found = obd.scores(model, mask, [(torch.randn(4, 3, 32, 32), torch.arange(4))])
    assert list(found) == list(mask) and all(each.any() for each in found.values())
    assert weight_mask.lowest(found, mask, mask.weights // 2).ratio == pytest.approx(0.5, abs=1e-4)
