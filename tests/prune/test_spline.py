"""Spline pruning against hand-worked numbers, Proposition 1 and the obvious implementation."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies
from rigs.hand_groups import group
from torch import nn

from edgejoule.prune.criteria import spline
from edgejoule.prune.scoring import hyperplanes, spline_order

SLOPES = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-2.0, 0.0]]
BIASES = [0.0, 0.0, 1.0, 0.5]


def layer(slopes, biases):
    """A linear layer with these hyperplanes, and its group."""
    model = nn.Sequential(
        nn.Linear(len(slopes[0]), len(slopes)), nn.ReLU(), nn.Linear(len(slopes), 2)
    )
    model[0].weight.data = torch.tensor(slopes)
    model[0].bias.data = torch.tensor(biases)
    return model, group(model, "0")


def matrix(model, each, rho=0.05, equation="paper", fold_bn=True):
    planes = hyperplanes.planes(model, each, fold_bn)
    everything = torch.arange(each.channels)
    return hyperplanes.among(planes, everything, rho, equation)(everything)


def kept(model, each, count, **options):
    ranks = spline.scores(model, [each], [], **options)[each.name]
    return sorted(ranks.argsort(descending=True)[:count].tolist())


PAPER = {
    (0, 1): 1.0,
    (0, 2): 0.342893,
    (1, 2): 0.342893,
    (0, 3): 0.025,
    (1, 3): 1.025,
    (2, 3): 0.317893,
}
EXACT = dict(PAPER)
EXACT.update({(0, 3): 0.0125, (0, 2): 0.328249, (1, 2): 0.328249, (2, 3): 0.340749, (1, 3): 1.0125})


@pytest.mark.parametrize("equation, expected", [("paper", PAPER), ("exact", EXACT)])
def test_worked_example(equation, expected):
    found = matrix(*layer(SLOPES, BIASES), equation=equation)
    for (i, j), value in expected.items():
        assert found[i, j].item() == pytest.approx(value, abs=1e-6)
        assert found[j, i] == found[i, j]
    assert found.diagonal().abs().max() < 1e-12


@pytest.mark.parametrize("victim, expected", [("small_norm", [1, 3]), ("larger_index", [0, 1])])
def test_greedy_keeps(victim, expected):
    assert kept(*layer(SLOPES, BIASES), count=2, victim=victim) == expected


def test_mean_distance_victim_is_the_one_closer_to_the_rest():
    model, each = layer(SLOPES, BIASES)
    means = matrix(model, each).mean(1)
    first = spline.scores(model, [each], [], victim="mean_distance")[each.name].argmin().item()
    assert first == (0 if means[0] < means[3] else 3)


def test_random_victims_follow_the_seed():
    model, each = layer(np.random.RandomState(0).randn(30, 3).tolist(), [0.0] * 30)
    runs = [spline.scores(model, [each], [], victim="random", seed=s)["0"] for s in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def regions(slopes, biases):
    """The partition of a dense grid by sign codes, as canonical labels."""
    axis = np.linspace(-3, 3, 181) + 1e-3
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    signs = grid @ np.array(slopes).T + np.array(biases) > 0
    _, labels = np.unique(signs, axis=0, return_inverse=True)
    labels = labels.ravel()
    _, first = np.unique(labels, return_index=True)
    names = np.empty(len(first), dtype=int)
    names[np.argsort(first)] = np.arange(len(first))
    return names[labels]


def drop(slopes, biases, gone):
    rest = [i for i in range(len(slopes)) if i != gone]
    return [slopes[i] for i in rest], [biases[i] for i in rest]


def test_proposition_1_holds_in_exact_mode():
    slopes, biases = [[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]], [1.0, 2.0, -1.0]
    model, each = layer(slopes, biases)
    assert matrix(model, each, equation="exact").abs().max() < 1e-12
    found = matrix(model, each, equation="paper")
    assert [found[0, 1].item(), found[0, 2].item(), found[1, 2].item()] == pytest.approx(
        [0.05, 0.10, 0.15]
    )
    for gone in range(3):
        assert (regions(*drop(slopes, biases, gone)) == regions(slopes, biases)).all()


def test_proposition_1_fails_for_the_literal_equation():
    """Eq. 2 is zero for every pair here, yet each unit has a hyperplane of its own."""
    slopes, biases = [[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]], [1.0, 1.0, 1.0]
    model, each = layer(slopes, biases)
    assert matrix(model, each, equation="paper").abs().max() < 1e-12
    for gone in range(3):
        assert (regions(*drop(slopes, biases, gone)) != regions(slopes, biases)).any()


@settings(max_examples=30, deadline=None)
@given(strategies.integers(0, 10**6), strategies.floats(0.1, 9), strategies.booleans())
def test_proposition_1_is_a_property_of_exact_mode(seed, scale, flip):
    """A scaled (and flipped) copy of a unit is at distance 0; dropping either keeps the regions."""
    random = np.random.RandomState(seed)
    slopes, biases = random.randn(3, 2), random.randn(3)
    factor = -scale if flip else scale
    slopes = np.vstack([slopes, factor * slopes[1]]).tolist()
    biases = np.append(biases, factor * biases[1]).tolist()
    model, each = layer(slopes, biases)
    found = matrix(model.double(), each, equation="exact")
    assert found[1, 3] < 1e-6
    order = spline.scores(model, [each], [], equation="exact")["0"].argsort().tolist()
    assert order[0] in (1, 3)
    assert (regions(*drop(slopes, biases, order[0])) == regions(slopes, biases)).all()


@pytest.mark.parametrize("equation", hyperplanes.EQUATIONS)
def test_distance_is_symmetric_and_its_cosine_part_is_a_share(equation):
    model, each = layer(np.random.RandomState(1).randn(12, 5).tolist(), [0.3] * 12)
    found = matrix(model, each, equation=equation)
    cosine = matrix(model, each, rho=0, equation=equation)
    assert torch.allclose(found, found.t(), atol=1e-11)
    assert found.diagonal().abs().max() < 1e-11
    assert cosine.min() >= 0 and cosine.max() <= 1


def test_exact_mode_ignores_scale():
    model, each = layer(np.random.RandomState(2).randn(12, 5).tolist(), [0.3] * 12)
    before = matrix(model, each, equation="exact")
    model[0].weight.data *= 7
    model[0].bias.data *= 7
    assert torch.allclose(before, matrix(model, each, equation="exact"), atol=1e-6)


def conv_net():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 10, 3, bias=False), nn.BatchNorm2d(10), nn.ReLU(), nn.Conv2d(10, 4, 3)
    )
    for name, value in (
        ("running_mean", torch.randn(10)),
        ("running_var", torch.rand(10) + 0.5),
        ("weight", torch.randn(10)),
        ("bias", torch.randn(10)),
    ):
        getattr(model[1], name).data.copy_(value)
    return model, group(model, "0", "1", ["3"])


def test_folding_gives_the_plane_of_the_norm_s_output():
    model, each = conv_net()
    plane = hyperplanes.planes(model.double(), each)[0]
    patch = torch.randn(1, 3, 3, 3, dtype=torch.float64)
    output = model.eval()[:2](patch).flatten()
    assert torch.allclose(plane.slopes @ patch.flatten() + plane.biases, output)
    bare = hyperplanes.planes(model, each, fold_bn=False)[0]
    assert torch.equal(bare.slopes, model[0].weight.flatten(1)) and not bare.biases.any()


def test_without_folding_a_bias_free_layer_is_compared_by_angle_alone():
    model, each = conv_net()
    bare = matrix(model, each, rho=0.4, fold_bn=False)
    assert torch.allclose(bare, matrix(model, each, rho=0, fold_bn=False))


def test_duplicates_leave_before_any_other():
    model, each = conv_net()
    for tensor in (
        model[0].weight,
        model[1].weight,
        model[1].bias,
        model[1].running_mean,
        model[1].running_var,
    ):
        tensor.data[7] = tensor.data[2]
    for equation in hyperplanes.EQUATIONS:
        assert spline.scores(model, [each], [], equation=equation)["0"].argmin().item() in (2, 7)


def test_units_without_slope_leave_first():
    model, each = conv_net()
    model[1].weight.data[4] = 0
    model[0].weight.data[8] = 0
    order = spline.scores(model, [each], [])["0"].argsort().tolist()
    assert order[:2] == [4, 8]
    model[0].weight.data[:] = 0
    assert sorted(spline.scores(model, [each], [])["0"].tolist()) == list(range(10))


def naive(matrix, norms):
    """Eq. 2's greedy rule, word for word."""
    alive, order = list(range(len(norms))), []
    while len(alive) > 1:
        _, i, j = min((matrix[i][j], i, j) for i, j in itertools.combinations(alive, 2))
        order.append(j if norms[i] == norms[j] else (i if norms[i] < norms[j] else j))
        alive.remove(order[-1])
    return order + alive


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("equation", hyperplanes.EQUATIONS)
def test_order_equals_the_naive_one(seed, equation):
    random = np.random.RandomState(seed)
    model, each = layer(random.randn(80, 6).tolist(), random.randn(80).tolist())
    expected = naive(
        matrix(model, each, equation=equation).tolist(),
        model[0].weight.double().norm(dim=1).tolist(),
    )
    assert spline.scores(model, [each], [], equation=equation)["0"].argsort().tolist() == expected


def test_layers_are_merged_by_distance():
    near, near_group = layer([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]], [0.0] * 3)
    far = nn.Sequential(near[0], nn.Linear(3, 3))
    far[1].weight.data = torch.eye(3)
    far[1].bias.data.zero_()
    ranks = spline.scores(far, [near_group, group(far, "1")], [])
    assert ranks["0"][0] == 0 and ranks["0"].max() == 4 and ranks["1"].max() == 5
    assert sorted(torch.cat(list(ranks.values())).tolist()) == list(range(6))


def test_a_shared_stream_is_judged_by_all_its_layers():
    """Units that coincide in one layer only are further apart than units that do in both."""
    model = nn.ModuleDict({"a": nn.Linear(3, 4, bias=False), "b": nn.Linear(3, 4, bias=False)})
    a, b = group(model, "a"), group(model, "b")
    both = a._replace(slices=a.slices + b.slices, units=a.units + b.units)
    total = matrix(model, both)
    assert torch.allclose(total, (matrix(model, a) + matrix(model, b)) / 2, atol=1e-11)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"equation": "literal"}, "paper, exact"),
        ({"victim": "both"}, "small_norm"),
        ({"seed": 3}, "no effect"),
    ],
)
def test_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        spline.scores(*layer(SLOPES, BIASES)[:1], [layer(SLOPES, BIASES)[1]], [], **options)


def test_flops_are_those_of_the_slopes_products():
    model, each = conv_net()
    assert spline.flops(model, [each], [], rho=0.1) == 2 * 10 * 10 * 27
    assert spline_order.gram_flops(model, []) == 0
