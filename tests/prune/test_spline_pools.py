"""Global spline pruning: reductions against scikit-learn, pools against the obvious version."""

import itertools
import time

import numpy as np
import pytest
import torch
from rigs.fake_trainer import small_net
from rigs.hand_groups import group
from sklearn.decomposition import PCA, FactorAnalysis
from torch import nn

from edgejoule.prune.criteria import spline, spline_fa, spline_pca
from edgejoule.prune.scoring import hyperplanes, spline_order, spline_pools
from edgejoule.prune.scoring.spline_order import Rule


def net(seed=0):
    torch.manual_seed(seed)
    model = small_net()
    for each in (model[1], model[4]):
        each.weight.data.uniform_(-1, 1)
        each.bias.data.normal_()
        each.running_mean.normal_()
        each.running_var.uniform_(0.5, 2)
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


@pytest.mark.parametrize("shape, components", [((9, 30), 5), ((30, 9), 5), ((12, 12), 12)])
def test_principal_components_are_scikit_learn_s(shape, components):
    rows = np.random.RandomState(0).randn(*shape)
    ours, theirs = spline_pca.centred(rows, components), PCA(components).fit_transform(rows)
    assert np.allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-9)


def test_projection_with_every_component_keeps_angles():
    rows = np.random.RandomState(0).randn(9, 9)
    found = spline_pca.projected(rows, 9)
    assert np.allclose(found @ found.T, rows @ rows.T)


def test_factors_are_scikit_learn_s():
    rows = np.random.RandomState(0).randn(20, 12)
    expected = FactorAnalysis(3, svd_method="randomized", random_state=0).fit(rows).transform(rows)
    assert np.allclose(spline_fa.factors(rows, 3), expected)


def test_common_dimension_is_the_smallest_side_of_any_layer():
    model, groups = net()
    assert spline_pools.dimension(model, groups) == 8
    assert spline_pools.dimension(model, groups, 3) == 3
    assert spline_pools.dimension(model, []) == 0
    for bad in (0, 9):
        with pytest.raises(ValueError, match="layer 0 allows 1 to 8"):
            spline_pools.dimension(model, groups, bad)


@pytest.mark.parametrize("build, expected", [("vgg16", 27), ("preresnet101", 16), ("resnet50", 64)])
def test_common_dimension_of_the_paper_s_networks(build, expected):
    """VGG-16's first filters have 27 weights; the ResNets' first layers have few filters."""
    from edgejoule import plugins

    module = plugins.load("models", build)
    with torch.no_grad():
        model = module.build()
    convolutions = [name for name, each in model.named_modules() if isinstance(each, nn.Conv2d)]
    assert spline_pools.dimension(model, [group(model, name) for name in convolutions]) == expected


def naive(layers, rule, cross):
    """Eq. 2's greedy rule over layers, word for word: order of removal as (layer, channel)."""
    alive = [(i, c) for i, layer in enumerate(layers) for c in range(len(layer.sizes))]
    slopes = {(i, c): layers[i].planes[0].slopes[c] for i, c in alive}
    biases = {(i, c): layers[i].planes[0].biases[c] for i, c in alive}
    sizes = {(i, c): float(layers[i].sizes[c]) for i, c in alive}

    def n(a, b):
        cosine = slopes[a] @ slopes[b] / (slopes[a].norm() * slopes[b].norm())
        return round(float(1 - cosine.abs() + rule.rho * (biases[a] - biases[b]).abs()), 12)

    table = {(a, b): n(a, b) for a, b in itertools.combinations(alive, 2)}
    inner = {pair: value for pair, value in table.items() if pair[0][0] == pair[1][0]}
    loose = [
        np.mean(
            [
                min(value for pair, value in inner.items() if each in pair)
                for each in alive
                if each[0] == i
            ]
        )
        for i in range(len(layers))
    ]
    order = []
    while True:
        pairs = [
            pair for pair in itertools.combinations(alive, 2) if cross or pair[0][0] == pair[1][0]
        ]
        if not pairs:
            return order + alive
        a, b = min(pairs, key=lambda pair: (table[pair], pair))
        if a[0] != b[0] and loose[a[0]] != loose[b[0]]:
            victim = a if loose[a[0]] < loose[b[0]] else b
        else:
            victim = b if sizes[a] == sizes[b] else (a if sizes[a] < sizes[b] else b)
        alive.remove(victim)
        order.append(victim)


@pytest.mark.parametrize("pool", spline_pools.POOLS)
@pytest.mark.parametrize("reduce", [spline_pca.centred, spline_fa.factors])
@pytest.mark.parametrize("seed", [0, 1])
def test_order_equals_the_naive_one(pool, reduce, seed):
    model, groups = net(seed)
    rule = Rule()
    layers = [
        spline_pools.reduced(layer, reduce, 4) for layer in spline_order.layers(model, groups, rule)
    ]
    ranks = spline_pools.scores(model, groups, rule, reduce, pool, 4)
    found = sorted(
        ((i, c) for i, each in enumerate(groups) for c in range(each.channels)),
        key=lambda at: ranks[groups[at[0]].name][at[1]],
    )
    expected = naive(layers, rule, pool == "cross")
    if pool == "within":  # the last of each layer is never compared: any order
        found, expected = found[:-2], expected[:-2]
    assert found == expected


@pytest.mark.parametrize("scores", [spline_pca.scores, spline_fa.scores])
@pytest.mark.parametrize("pool", spline_pools.POOLS)
@pytest.mark.parametrize("equation", hyperplanes.EQUATIONS)
def test_every_channel_gets_its_own_rank(scores, pool, equation):
    model, groups = net()
    found = scores(model, groups, [], pool=pool, equation=equation)
    assert sorted(torch.cat(list(found.values())).tolist()) == list(range(20))


@pytest.mark.parametrize("pool", spline_pools.POOLS)
def test_dead_units_and_duplicates_leave_first(pool):
    model, groups = net()
    model[4].weight.data[7] = 0
    for tensor in (
        model[0].weight,
        model[1].weight,
        model[1].bias,
        model[1].running_mean,
        model[1].running_var,
    ):
        tensor.data[5] = tensor.data[1]
    found = spline_pca.scores(model, groups, [], pool=pool)
    assert found["3"][7] == 0 and found["0"].argmin().item() in (1, 5)
    assert min(found["0"]) == 1


def test_a_stream_of_several_layers_is_reduced_as_one():
    model, groups = net()
    both = groups[0]._replace(units=groups[0].units * 2)
    assert torch.equal(
        spline_pca.scores(model, [both], [])["0"], spline_pca.scores(model, groups[:1], [])["0"]
    )


def test_work():
    model, groups = net()
    svd = 8 * 27 * 8 + 12 * 72 * 12
    assert spline_pca.flops(model, groups, []) == 2 * (svd + 8 * (64 + 144))
    assert spline_pca.flops(model, groups, [], pool="cross", components=3, rho=0.1) == 2 * (
        svd + 3 * (400 + 64 + 144)
    )


def test_unknown_pool():
    with pytest.raises(ValueError, match="within, cross"):
        spline_pca.scores(*net(), [], pool="all")


@pytest.mark.slow
@pytest.mark.parametrize(
    "scores, options",
    [(spline.scores, {}), (spline_pca.scores, {}), (spline_pca.scores, {"pool": "cross"})],
)
def test_all_of_a_resnet_50_in_seconds(scores, options):
    """26 560 filters, every convolution a group of its own: at most 20 s of one core."""
    from edgejoule import plugins

    resnet50 = plugins.load("models", "resnet50")

    model = resnet50.build()
    groups = [
        group(model, name) for name, each in model.named_modules() if isinstance(each, nn.Conv2d)
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.process_time()
    try:
        found = scores(model, groups, [], **options)
    finally:
        torch.set_num_threads(threads)
    assert sum(len(each) for each in found.values()) == 26560
    assert time.process_time() - start <= 20
