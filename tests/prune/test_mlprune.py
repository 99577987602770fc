"""Kronecker factors by loops over images and positions, and MLPrune's scores and changes."""

import pytest
import torch
from rigs.fake_trainer import small_net
from rigs.naive_curvature import tiny_batches, tiny_net
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune.saliency import mlprune
from edgejoule.prune.scoring import kronecker
from edgejoule.prune.scoring.kronecker import Factors
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

A = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double()
S = torch.tensor([[1.0, 0.5], [0.5, 2.0]]).double()
W = torch.tensor([[1.0, -1.0], [0.5, 2.0]]).double()


def given(monkeypatch, a, s, weight, bias=False):
    """(model, mask): a linear layer whose factors are these."""
    model = nn.Sequential(nn.Linear(weight.shape[1], len(weight), bias=bias)).double()
    model[0].weight.data = weight.clone()
    monkeypatch.setattr(kronecker, "factors", lambda *_: {"0.weight": Factors(a[None], s[None])})
    return model, weight_mask.full(model, ["0.weight"])


def kron(s, a):
    """S x A over the rows of a weight, entry by entry."""
    out, width = len(s), len(a)
    found = torch.zeros(out * width, out * width).double()
    for i in range(out):
        for j in range(out):
            for k in range(width):
                for m in range(width):
                    found[i * width + k, j * width + m] = s[i, j] * a[k, m]
    return found


def cheapest(f, weights, gone):
    """The change that zeroes `gone` and minimises delta' F delta / 2."""
    rest = [each for each in range(len(f)) if each not in gone]
    delta = torch.zeros(len(f)).double()
    delta[gone] = -weights[gone]
    delta[rest] = torch.linalg.solve(f[rest][:, rest], -(f[rest][:, gone] @ delta[gone]))
    return delta


def leaving(mask, *places):
    gone = torch.zeros_like(mask["0.weight"])
    for place in places:
        gone[place] = True
    return WeightMask({"0.weight": ~gone})


def test_the_worked_example(monkeypatch):
    model, mask = given(monkeypatch, A, S, W)
    scores, adjust = mlprune.surgery(model, mask, [], damping=0.0)
    expected = [[0.7291667, 1.09375], [0.3645833, 8.75]]
    assert torch.allclose(scores["0.weight"], torch.tensor(expected).double())
    dense = torch.linalg.inv(kron(S, A)).diagonal()
    assert torch.allclose(scores["0.weight"].view(-1), W.view(-1) ** 2 / dense / 2)
    adjust(leaving(mask, (1, 0)), False)
    change = (model[0].weight.detach() - W).view(-1)
    assert change.tolist() == pytest.approx([0.25, -1 / 12, -0.5, 1 / 6])
    assert float(change @ kron(S, A) @ change / 2) == pytest.approx(0.3645833)
    assert model[0].weight[1, 0] == 0


def test_identity_factors_are_half_the_square(monkeypatch):
    model, mask = given(monkeypatch, torch.eye(2).double(), torch.eye(2).double(), W)
    assert torch.allclose(mlprune.surgery(model, mask, [], damping=0.0)[0]["0.weight"], W**2 / 2)


def spd(size, seed):
    torch.manual_seed(seed)
    root = torch.randn(size, 2 * size).double()
    return root @ root.t() / size


def test_many_leave_together_or_each_alone(monkeypatch):
    """Against the dense surgeon; with a bias, which makes up but never leaves."""
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)).double()
    a, s = spd(5, 2), spd(3, 3)
    places = [(0, 1), (0, 3), (2, 1), (1, 0)]
    f, whole = kron(s, a), torch.cat([weight, torch.zeros(3, 1).double()], 1).view(-1)
    flat = [5 * row + column for row, column in places]
    for joint in (True, False):
        model, mask = given(monkeypatch, a, s, weight, bias=True)
        model[0].bias.data.zero_()
        _, adjust = mlprune.surgery(model, mask, [], damping=0.0)
        work = adjust(leaving(mask, *places), joint)
        once = 2 * (3**2 * 5 + 3 * 5**2)
        assert work == once if not joint else work > once and work % once == 0
        if joint:
            expected = whole + cheapest(f, whole, flat)
        else:
            expected = whole + sum(cheapest(f, whole, [each]) for each in flat)
            expected[flat] = 0
        expected = expected.view(3, 5)
        assert torch.allclose(model[0].weight.detach(), expected[:, :4], atol=1e-7)
        assert torch.allclose(model[0].bias.detach(), expected[:, 4], atol=1e-7)


def test_damping_is_shared_by_pi():
    """A + pi sqrt(l) and S + sqrt(l) / pi, l a share of the mean eigenvalues' product."""
    found = kronecker.inverses(Factors(A[None], S[None]), 1e-3)
    mean_a, mean_s = float(A.trace()) / 2, float(S.trace()) / 2
    pi, scale = (mean_a / mean_s) ** 0.5, (1e-3 * mean_a * mean_s) ** 0.5
    assert pi == pytest.approx(1.2909944)
    eye = torch.eye(2).double()
    assert torch.allclose(found.a[0], torch.linalg.inv(A + pi * scale * eye))
    assert torch.allclose(found.s[0], torch.linalg.inv(S + scale / pi * eye))


def naive_factors(model, name, inputs, slopes, layer):
    """A and S of one layer, image by image, position by position; conv: one group at a time."""
    groups, found = getattr(layer, "groups", 1), []
    for group in range(groups):
        a, s, positions = 0, 0, 0
        for x, g in zip(inputs, slopes):
            for here, slope in columns(layer, x, g, group):
                read = here if layer.bias is None else torch.cat([here, torch.ones(1).double()])
                a, s = a + torch.ger(read, read), s + torch.ger(slope, slope)
                positions += 1
        found.append((a / len(inputs), s / positions))
    return found


def columns(layer, x, g, group):
    """(what a position reads, the gradient of its outputs) of one image and group."""
    if isinstance(layer, nn.Linear):
        yield x, g
        return
    (ph, pw), (sh, sw), (dh, dw) = layer.padding, layer.stride, layer.dilation
    wide, (kh, kw) = functional.pad(x, (pw, pw, ph, ph)), layer.kernel_size
    each_in, each_out = len(x) // layer.groups, len(g) // layer.groups
    for row in range(g.shape[1]):
        for column in range(g.shape[2]):
            here = [
                wide[group * each_in + c, row * sh + i * dh, column * sw + j * dw]
                for c in range(each_in)
                for i in range(kh)
                for j in range(kw)
            ]
            yield torch.stack(here), g[group * each_out : (group + 1) * each_out, row, column]


@pytest.mark.parametrize("place", [0, 3, 6])
def test_factors_by_loops(place):
    model, data = tiny_net().eval(), tiny_batches()
    layer, name = model[place], "{}.weight".format(place)
    inputs, slopes = [], []
    for x, y in data:
        for image, label in zip(x, y):
            read = model[:place](image[None]).detach()
            out = layer(read).detach().requires_grad_()
            loss = functional.cross_entropy(model[place + 1 :](out + 0), label[None])
            inputs.append(read[0])
            slopes.append(torch.autograd.grad(loss, out)[0][0])
    found = kronecker.factors(model, [name], data, "empirical_fisher")[name]
    expected = naive_factors(model, name, inputs, slopes, layer)
    assert len(expected) == len(found.a) == len(found.s)
    for (a, s), each_a, each_s in zip(expected, found.a, found.s):
        assert torch.allclose(each_a, a, atol=1e-12) and torch.allclose(each_s, s, atol=1e-14)


def test_of_one_layer_and_one_image_it_is_exact():
    """F = g g' x a a' then is no approximation: the score is the dense surgeon's."""
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(3, 2, bias=False)).double()
    x, y = torch.randn(1, 3).double(), torch.tensor([1])
    found = kronecker.factors(model, ["0.weight"], [(x, y)], "empirical_fisher")["0.weight"]
    gradient = torch.autograd.grad(functional.cross_entropy(model(x), y), model[0].weight)[0]
    fisher = torch.ger(gradient.view(-1), gradient.view(-1))
    assert torch.allclose(kron(found.s[0], found.a[0]), fisher)


def test_dead_inputs_and_layers_without_gradient_leave_first():
    model, data = tiny_net(), tiny_batches()
    model[3].weight.data.zero_()  # nothing reads the first layer
    mask = weight_mask.full(model, ["0.weight", "6.weight"])
    found = mlprune.scores(model, mask, data)
    assert all(torch.isfinite(each).all() for each in found.values())
    assert float(found["0.weight"].max()) < 1e-12 * float(found["6.weight"].median())


def test_settings_and_seed():
    with pytest.raises(ValueError, match="no fisher called 'gauss_newton'; there are: true_fish"):
        mlprune.check(fisher="gauss_newton")
    with pytest.raises(ValueError, match="damping=-1; it starts at 0"):
        mlprune.check(damping=-1)
    model, data = small_net(), [(torch.randn(4, 3, 8, 8), torch.arange(4))]
    mask = weight_mask.full(model, weight_mask.names(model))
    torch.manual_seed(0)
    one, two = (mlprune.scores(model, mask, data)["8.weight"] for _ in range(2))
    torch.manual_seed(1)
    assert torch.equal(one, two)
    assert not torch.equal(one, mlprune.scores(model, mask, data)["8.weight"])
    with pytest.raises(ValueError, match="curvature is singular.*damping above 0"):
        mlprune.scores(model, mask, data, damping=0.0)  # 4 images and 12 features


def test_its_work():
    """Linear 4 -> 3 (no bias) -> 2 on 7 images: passes, products of both sides, inverses."""
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Tanh(), nn.Linear(3, 2))
    mask = weight_mask.full(model, weight_mask.names(model))
    data = [(torch.randn(4, 4), None), (torch.randn(3, 4), None)]
    sides = [4, 3, 3 + 1, 2]
    products = sum(2 * 7 * side**2 + 11 * side**3 for side in sides)
    assert mlprune.flops(model, mask, data) == 7 * 2 * (18 + 6) + products
    conv = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, groups=2, bias=False), nn.Flatten(), nn.Linear(64, 2)
    )
    mask, data = weight_mask.full(conv, ["0.weight"]), [(torch.randn(5, 2, 4, 4), None)]
    forward, back = 16 * 4 * 9 + 128, 128
    products = 2 * sum(2 * 5 * 16 * side**2 + 11 * side**3 for side in (9, 2))
    assert mlprune.flops(conv, mask, data) == 5 * 2 * (forward + back) + products


def test_resnet_20():
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    mask = weight_mask.full(model, weight_mask.names(model))
    found = mlprune.scores(model, mask, [(torch.randn(4, 3, 32, 32), torch.arange(4))])
    assert list(found) == list(mask) and all(each.any() for each in found.values())
    assert weight_mask.lowest(found, mask, mask.weights // 2).ratio == pytest.approx(0.5, abs=1e-4)
