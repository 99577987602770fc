"""How many weights each layer of a sparse network gets."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer

from edgejoule import plugins
from edgejoule.prune.weightmasks import densities, weight_mask
from edgejoule.prune.weightmasks.densities import Sparsity

SHAPES = {"conv1": (32, 16, 3, 3), "conv2": (64, 32, 3, 3), "fc": (10, 64)}
SIZES = {"conv1": 4608, "conv2": 18432, "fc": 640}


@pytest.mark.parametrize(
    "ratio, expected", [(0.9, (0.870117, 0.938666, 0.0)), (0.5, (0.158654, 0.602698, 0.0))]
)
def test_erdos_renyi_kernel_as_the_authors_code_has_it(ratio, expected):
    found = densities.erk(SHAPES, ratio)
    assert [1 - found[name] for name in SHAPES] == pytest.approx(expected, abs=5e-7)


def test_erdos_renyi_kernel_where_no_layer_is_full():
    """Closed form: c (sum of a shape) weights in each, c the budget over the sum of all sums."""
    sums, budget = {"conv1": 54, "conv2": 102, "fc": 74}, 239  # 47 + 185 + 7, each rounded up
    found = densities.erk(SHAPES, 0.99)
    for name, share in found.items():
        assert share * SIZES[name] == pytest.approx(sums[name] * budget / 230)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.8, 0.95, 0.999])
def test_both_keep_as_many(ratio):
    erk, uniform = [
        densities.kept_weights(SHAPES, Sparsity(ratio, name)) for name in densities.DENSITIES
    ]
    assert sum(erk.values()) == sum(uniform.values())
    for name, size in SIZES.items():
        assert uniform[name] == size - int(ratio * size + 1e-9)
        assert abs(erk[name] - densities.erk(SHAPES, ratio)[name] * size) < 1
        assert 0 <= erk[name] <= size


def test_sets_own_rule():
    shapes = {"a": (1000, 784), "b": (4000, 3072), "c": (1000, 4000), "last": (10, 100)}
    found = densities.erdos_renyi(shapes, 20)
    assert found == {"a": 35680, "b": 141440, "c": 100000, "last": 1000}  # 2200 of 1000: all
    assert found["a"] / 784000 == pytest.approx(0.0455102, abs=5e-8)
    assert found["b"] / (3072 * 4000) == pytest.approx(0.0115104, abs=5e-8)
    assert densities.erdos_renyi({"conv": (8, 3, 3, 3)}, 2)["conv"] == 2 * (8 + 27)


@pytest.mark.parametrize(
    "total, shares, expected",
    [
        (30, [15.8824, 9.5294, 4.5882], [16, 9, 5]),
        (2, [0.5, 0.5, 1.0], [1, 0, 1]),  # of equal remainders the earlier
        (3, [1.0, 1.0, 1.0], [1, 1, 1]),
        (0, [], []),
    ],
)
def test_largest_remainders(total, shares, expected):
    assert densities.apportioned(total, shares) == expected


def test_a_mask_is_drawn_exactly_and_by_the_generator_alone():
    asked, masks = Sparsity(0.7, sparse_layers="no_first"), []
    for seed in (1, 1, 2):
        trainer = FakeTrainer()
        masks.append(densities.drawn(trainer, asked, torch.Generator().manual_seed(seed)))
        torch.rand(1)
    kept = densities.kept_weights(densities.shapes(trainer.model, "no_first"), asked)
    assert list(kept) == ["3.weight", "8.weight"] and masks[0]["0.weight"].all()
    assert all(int(masks[0][name].sum()) == count for name, count in kept.items())
    assert masks[0].distance(masks[1]) == 0 < masks[0].distance(masks[2])


def test_a_layer_without_a_weight_is_told():
    trainer = FakeTrainer()
    mask = densities.with_kept(trainer, {"3.weight": 0}, torch.Generator())
    assert mask.empty == ["3.weight"]
    assert trainer.warnings == ["layer collapse: nothing is left of 3.weight; lower ratio"]


def test_sparse_layers_of_a_residual_network():
    model = plugins.load("models", "resnet20").build(10, 3)
    every = weight_mask.names(model)
    blocks = list(densities.shapes(model, "blocks"))
    assert len(blocks) == 18 and every[0] not in blocks and every[-1] not in blocks
    assert all(tuple(model.get_parameter(name).shape[2:]) == (3, 3) for name in blocks)
    assert list(densities.shapes(model, "all")) == every
    assert list(densities.shapes(model, "no_first")) == every[1:]
    assert list(densities.shapes(model, "no_classifier")) == every[:-1]
    kept = densities.kept_weights(densities.shapes(model, "blocks"), Sparsity(0.9))
    sizes = [model.get_parameter(name).numel() for name in blocks]
    assert sum(kept.values()) == sum(size - int(0.9 * size + 1e-9) for size in sizes)


def test_blocks_of_a_network_of_linear_layers_are_all_of_them():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    assert list(densities.shapes(model, "blocks")) == ["0.weight", "1.weight"]


@pytest.mark.parametrize(
    "options, word",
    [
        ({"ratio": 1.0}, r"lie in \[0, 1\)"),
        ({"ratio": 0.5, "densities": "erq"}, "erk, uniform"),
        ({"ratio": 0.5, "sparse_layers": "last"}, "all, no_first"),
    ],
)
def test_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        Sparsity(**options)


def test_a_network_without_sparse_layers_is_refused():
    with pytest.raises(ValueError, match="no sparse layers with sparse_layers='no_first'"):
        densities.shapes(torch.nn.Linear(2, 2), "no_first")
