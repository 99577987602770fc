"""He et al., 2017: the LASSO by hand, reconstruction by plain least squares, the recipe."""

import copy

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer
from rigs.hand_groups import group, slices
from torch import nn

from edgejoule.prune import grouping
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.recipes import channel_pruning
from edgejoule.prune.scoring import channel_lasso, lasso

X = np.array([[1.0, 0, 1], [0, 1, 1], [1, 1, 0], [2, 0, 1]])
W = np.array([1, 0.2, -0.5])


def moments(parts, target, intercept):
    sums = lasso.Sums(parts.shape[1])
    sums.add(parts[:1], target[:1])
    sums.add(parts[1:], target[1:])
    return sums.moments(intercept)


PLAIN = moments(X * W, X.dot(W), False)


@pytest.mark.parametrize(
    "strength, expected",
    [
        (0.001, [0.996, 0.932, 0.9776]),
        (0.02, [0.92, 0, 0.6]),
        (0.1, [0.7166667, 0, 0]),
        (0.5, [0.45, 0, 0]),
        (1.175, [0, 0, 0]),
        (0.0, [1, 1, 1]),
    ],
)
def test_coefficients_in_numbers(strength, expected):
    found, _ = lasso.descend(PLAIN, strength)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_strength_at_which_nothing_is_left():
    assert np.abs(PLAIN.cross).max() == pytest.approx(1.175)
    with_mean = moments(X * W, X.dot(W), True)
    assert np.abs(with_mean.cross).max() == pytest.approx(0.45)
    found, _ = lasso.descend(with_mean, 0.02)
    assert found == pytest.approx([0.86, 0, 0.84], abs=1e-6)
    assert (X.dot(W) - (X * W).dot(found)).mean() == pytest.approx(0.18, abs=1e-6)


def optimal(of, found, strength):
    """The LASSO's conditions: the slope is the strength where b is not 0, and less elsewhere."""
    slope = of.cross - of.gram.dot(found)
    moving = found != 0
    return (
        slope[moving] == pytest.approx(strength * np.sign(found[moving]), abs=1e-6)
        and (np.abs(slope[~moving]) <= strength + 1e-6).all()
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5])
def test_coefficients_are_optimal(seed, strength):
    random = np.random.RandomState(seed)
    parts = random.randn(40, 12) + random.randn(40, 1)
    of = moments(parts, parts.sum(1) + random.randn(40), bool(seed % 2))
    found, _ = lasso.descend(of, strength)
    assert optimal(of, found, strength)


@pytest.mark.parametrize("keep", [1, 3, 7, 12])
def test_the_asked_number_stays(keep):
    random = np.random.RandomState(0)
    parts = random.randn(60, 12) * np.arange(1, 13)
    flags, work = lasso.chosen(moments(parts, parts.sum(1), True), keep)
    assert flags.sum() == keep and (work == 0) == (keep == 12)


@pytest.mark.parametrize("keep, gone", [(4, [2, 3, 5]), (5, [2, 5])])
def test_silent_and_constant_channels_leave_first(keep, gone):
    """With an intercept a constant part is explained for nothing."""
    random = np.random.RandomState(0)
    parts = random.randn(60, 7) * 2
    parts[:, 2], parts[:, 5], parts[:, 3] = 0, 3, 0.01 * parts[:, 3]
    of = moments(parts, parts.sum(1), True)
    assert lasso.descend(of, 0.01)[0][[2, 5]] == pytest.approx(0, abs=1e-9)
    flags, _ = lasso.chosen(of, keep)
    assert np.flatnonzero(~flags).tolist() == gone


def layer_of(weight):
    """A model whose layer 1 reads the group of layer 0, with this weight [out, in]."""
    model = nn.Sequential(
        nn.Linear(2, weight.shape[1]).double(), nn.Linear(weight.shape[1], len(weight), bias=False)
    ).double()
    model[1].weight.data = torch.from_numpy(weight.copy())  # refitted in place
    return model, group(model, "0", None, ["1"])


def sample_of(model, each, inputs, target):
    from edgejoule.prune.scoring.reconstruction import readers

    return channel_lasso.Sample(readers(model, each)[0], inputs[:, :, None], target)


def test_least_squares_in_numbers():
    model, each = layer_of(W[None])
    sample = sample_of(model, each, X, X.dot(W)[:, None])
    channel_lasso.refit(sample, np.array([True, False, True]))
    found = model[1].weight.detach().numpy()[0]
    assert found[[0, 2]] == pytest.approx([1, -0.4333333])
    left = X.dot(W) - X[:, [0, 2]].dot(found[[0, 2]])
    assert (left**2).sum() == pytest.approx(0.0666667)


def test_nothing_changes_where_nothing_is_lost():
    model, each = layer_of(np.random.RandomState(0).randn(3, 4))
    inputs = np.random.RandomState(1).randn(3, 4)  # fewer points than unknowns
    before = model[1].weight.detach().clone()
    target = inputs.dot(before.numpy().T)
    channel_lasso.refit(sample_of(model, each, inputs, target), np.ones(4, dtype=bool))
    assert torch.allclose(model[1].weight, before)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 5, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * 16, 4),
    ).double()


def groups_of(model):
    first = group(model, "0", None, ["2"])
    second = group(model, "2")
    flat = slices("5.weight", 1, 5)._replace(
        indices=tuple(tuple(range(16 * c, 16 * c + 16)) for c in range(5))
    )
    return [first, second._replace(slices=second.slices + (flat,))]


def pictures(count=2):
    torch.manual_seed(5)
    return [(torch.randn(8, 3, 8, 8).double(), torch.zeros(8)) for _ in range(count)]


def all_rows(model):
    return {name: np.arange(len(each)) for name, each in model.named_parameters()}


def test_samples_of_one_network_are_its_outputs():
    """Of a network that nothing has happened to the weights give the targets, without biases."""
    model = network()
    for each in groups_of(model):
        (sample,) = channel_lasso.samples(model, model, each, pictures(), 7, 3, all_rows(model))
        weight = sample.reader.module.weight.detach().flatten(1).numpy()
        inputs = sample.inputs.reshape(len(sample.inputs), -1)
        assert len(inputs) == 16 * 7
        assert np.allclose(inputs.dot(weight.T), sample.target)
        positions, outputs = sample.reader.module.bias.detach().numpy(), []
        for x, _ in pictures():
            for layer in model:
                x = layer(x)
                if layer is sample.reader.module:
                    outputs.append(x.detach().numpy().reshape(8, len(positions), -1))
        outputs = np.concatenate(outputs)
        for row, target in enumerate(sample.target[::7]):
            near = np.abs(outputs[row] - (target + positions)[:, None]).max(0).min()
            assert near < 1e-9


def test_a_second_network_is_sampled_at_the_same_points():
    model, other = network(), network()
    other[0].weight.data[2:4] = 0
    each = groups_of(model)[0]
    (sample,) = channel_lasso.samples(other, model, each, pictures(), 5, 3, all_rows(model))
    (same,) = channel_lasso.samples(model, model, each, pictures(), 5, 3, all_rows(model))
    assert np.allclose(sample.target, same.target)
    unchanged = [0, 1, 4, 5]
    assert np.allclose(sample.inputs[:, unchanged], same.inputs[:, unchanged])


@pytest.mark.parametrize("at", [0, 1])
def test_refitting_is_the_least_squares_of_all_points(at):
    """An independent regression with a column of ones gives the same weights and bias."""
    model = network()
    each = groups_of(model)[at]
    (sample,) = channel_lasso.samples(model, model, each, pictures(8), 10, 3, all_rows(model))
    kept = np.arange(each.channels) % 2 == 0
    columns = np.isin(np.arange(sample.inputs.shape[1]), sample.reader.positions[kept].numpy())
    inputs = sample.inputs[:, columns].reshape(len(sample.inputs), -1)
    bias = sample.reader.module.bias.detach().numpy().copy()
    design = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    expected = np.linalg.lstsq(design, sample.target + bias, rcond=None)[0].T
    channel_lasso.refit(sample, kept)
    found = sample.reader.module.weight.detach().numpy()[:, columns].reshape(len(expected), -1)
    assert np.allclose(found, expected[:, :-1], atol=1e-6)
    assert np.allclose(sample.reader.module.bias.detach().numpy(), expected[:, -1], atol=1e-6)


def test_channels_nobody_reads_leave_and_all_outputs_stay():
    model = network()
    with torch.no_grad():
        model[2].weight[:, [1, 4]] = 0
    each = groups_of(model)[0]
    (sample,) = channel_lasso.samples(model, model, each, pictures(), 10, 3, all_rows(model))
    flags, _ = channel_lasso.choose([sample], 4, True, np.random.RandomState(0))
    assert flags.tolist() == [True, False, True, True, False, True]
    before = model(pictures()[0][0])
    channel_lasso.refit(sample, flags)
    assert torch.allclose(model(pictures()[0][0]), before, atol=1e-8)


def test_the_recipe_goes_front_to_back_and_reconstructs():
    """Refitted, the cut network is nearer to the dense one than with its weights as they were."""
    trainer = FakeTrainer(epochs=2)
    dense = {}

    def after(model):
        dense.setdefault("model", copy.deepcopy(trainer.model))
        return replace(model)

    replace, trainer.replace = trainer.replace, after
    outcome = channel_pruning.run(trainer, ratio=0.5, score_batches=3, retrain_epochs=0)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [4, 6]
    x = trainer.x
    whole = grouping.find(outcome.model, trainer.example, mode="inner")
    assert [each.channels for each in whole] == [4, 6]
    original, found = dense["model"].eval(), outcome.groups
    goal = original(x).detach()
    plain = masked(original, found, Mask(outcome.mask)).eval()(x).detach()
    mended = outcome.model.eval()(x).detach()
    assert (mended - goal).pow(2).mean() < 0.8 * (plain - goal).pow(2).mean()
    assert [row[2] for row in trainer.charged] == ["channel pruning scores"] * 2


def test_epochs_in_between_are_trained():
    trainer = FakeTrainer(epochs=2)
    channel_pruning.run(trainer, ratio={"0": 0.5, "3": 0.25}, between=1, score_batches=1)
    assert [row[4] for row in trainer.log] == [20, 20, 16, 13, 13, 13]


@pytest.mark.parametrize("mode", ["inner", "coupled"])
def test_outputs_that_are_gone_are_no_targets_in_residual_networks(mode):
    from edgejoule.bench.architectures.preact_resnets import PreactResNet

    torch.manual_seed(0)
    trainer = FakeTrainer(PreactResNet(1, 4, 3), epochs=1)
    outcome = channel_pruning.run(trainer, ratio=0.4, mode=mode, score_batches=1)
    expected = [each.channels - int(0.4 * each.channels + 1e-9) for each in outcome.groups]
    assert [int(outcome.mask[each.name].sum()) for each in outcome.groups] == expected


@pytest.mark.parametrize(
    "options, words",
    [
        ({"between": -1}, "between=-1"),
        ({"score_batches": 0}, "score_batches=0"),
        ({"points_per_image": 0}, "points_per_image=0"),
        ({"ratio": {"9": 0.5}}, "no group matches '9'"),
    ],
)
def test_it_refuses_before_it_trains(options, words):
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match=words):
        channel_pruning.run(trainer, **dict({"ratio": 0.5}, **options))
    assert not trainer.log
