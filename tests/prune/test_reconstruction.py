"""ThiNet: contributions add up to outputs, the greedy order, least squares."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs.fake_trainer import small_net
from rigs.hand_groups import group, slices
from torch import nn

from edgejoule.prune.criteria import thinet
from edgejoule.prune.scoring import reconstruction


def data(count=2):
    torch.manual_seed(4)
    return [(torch.randn(6, 3, 8, 8), torch.zeros(6)) for _ in range(count)]


def net():
    torch.manual_seed(0)
    model = small_net().eval()
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 5, 3, padding=1, bias=False),
        nn.Conv2d(4, 5, 3, stride=2, bias=False),
        nn.Conv2d(4, 5, (3, 1), dilation=2, padding=(2, 1), bias=False),
        nn.Linear(4, 5, bias=False),
    ],
)
def test_contributions_add_up_to_outputs(layer):
    x = torch.randn((3, 4, 7, 7) if isinstance(layer, nn.Conv2d) else (3, 4))
    parts = reconstruction.contributions(layer, x, 9, np.random.RandomState(0))
    assert parts.shape == (27, 4)
    outputs = layer(x).detach().flatten(1)
    for i, total in enumerate(parts.sum(1)):
        assert (outputs[i // 9] - total).abs().min() < 1e-5


@st.composite
def convolutions(draw):
    """A convolution without bias, over all that decides which inputs a point of its output sees."""
    sides = st.tuples(st.integers(1, 4), st.integers(1, 4))
    groups = draw(st.sampled_from([1, 2, 3]))
    padding = draw(st.sampled_from(["same", "valid", (0, 0), (1, 2), (2, 0)]))
    return nn.Conv2d(
        6,
        6,
        draw(sides),
        stride=1 if padding == "same" else draw(st.sampled_from([1, 2, (2, 3)])),
        padding=padding,
        dilation=draw(st.sampled_from([1, 2, (2, 1)])),
        groups=groups,
        bias=False,
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    )


@settings(max_examples=150, deadline=None)
@given(layer=convolutions(), seed=st.integers(0, 99))
def test_contributions_add_up_to_outputs_for_every_padding(layer, seed):
    torch.manual_seed(seed)
    x = torch.randn(2, 6, 8, 9)
    parts = reconstruction.contributions(layer, x, 8, np.random.RandomState(seed))
    outputs = layer(x).detach().flatten(1)
    assert parts.shape == (16, 6)
    for i, total in enumerate(parts.sum(1)):
        assert (outputs[i // 8] - total).abs().min() < 1e-5


@pytest.mark.parametrize("padding", ["same", "valid", 2])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
def test_every_output_may_be_sampled(padding, mode):
    """At padding "same" border positions count like others: all 80 outputs of 4 x 5, not 20."""
    layer = nn.Conv2d(2, 4, (3, 4), padding=padding, bias=False, padding_mode=mode)
    x = torch.randn(1, 2, 4, 5)
    outputs = layer(x).detach().flatten()
    parts = reconstruction.contributions(layer, x, 40 * len(outputs), np.random.RandomState(0))
    assert all((parts.sum(1) - output).abs().min() < 1e-5 for output in outputs)


def test_a_grouped_filter_reads_its_own_channels_alone():
    layer = nn.Conv2d(6, 4, 1, groups=2, bias=False)
    parts = reconstruction.contributions(
        layer, torch.randn(3, 6, 4, 4), 9, np.random.RandomState(0)
    )
    read = parts != 0
    assert all(
        each.tolist() in ([True] * 3 + [False] * 3, [False] * 3 + [True] * 3) for each in read
    )


def test_tokens_are_read_too():
    layer = nn.Linear(4, 5, bias=False)
    x = torch.randn(3, 6, 4)
    parts = reconstruction.contributions(layer, x, 2, np.random.RandomState(0))
    outputs = layer(x).detach().flatten(1)
    assert all((outputs[i // 2] - total).abs().min() < 1e-5 for i, total in enumerate(parts.sum(1)))


def test_channels_nobody_listens_to_leave_first_without_error():
    model, groups = net()
    model[3].weight.data[:, [2, 6]] = 0
    gram = reconstruction.grams(model, groups[:1], data(), 10)["0"]
    order, errors = reconstruction.order(gram)
    assert order[:2].tolist() == [2, 6] and errors[:2].tolist() == [0, 0] and errors[2] > 0
    assert thinet.scores(model, groups, data())["0"].argsort()[:2].tolist() == [2, 6]


def test_opposite_contributions_leave_together():
    """Once a is gone, its opposite b brings the error back to zero."""
    random = np.random.RandomState(1)
    parts = random.randn(50, 6)
    parts[:, 0] *= 0.1
    parts[:, 4] = -parts[:, 0]
    order, errors = reconstruction.order(parts.T.dot(parts))
    assert set(order[:2]) == {0, 4}
    assert errors[0] > 0 and errors[1] == pytest.approx(0, abs=1e-9)


def naive(parts):
    """The greedy rule on the samples themselves."""
    gone, errors = [], []
    for _ in range(parts.shape[1]):
        left = [c for c in range(parts.shape[1]) if c not in gone]
        costs = [(parts[:, gone + [c]].sum(1) ** 2).sum() for c in left]
        gone.append(left[int(np.argmin(costs))])
        errors.append(min(costs))
    return gone, errors


@pytest.mark.parametrize("seed", range(3))
def test_order_equals_the_naive_one(seed):
    parts = np.random.RandomState(seed).randn(40, 9) + 0.3
    order, errors = reconstruction.order(parts.T.dot(parts))
    expected, costs = naive(parts)
    assert order.tolist() == expected and errors == pytest.approx(costs)


def test_least_squares_is_optimal_and_ones_if_nothing_is_gone():
    parts = np.random.RandomState(0).randn(60, 7) + 1
    gram = parts.T.dot(parts)
    assert reconstruction.scaling(gram, np.ones(7, dtype=bool)) == pytest.approx(np.ones(7))
    kept = np.array([1, 1, 0, 1, 0, 1, 1], dtype=bool)
    factors = reconstruction.scaling(gram, kept)

    def error(w):
        return ((parts.sum(1) - parts[:, kept].dot(w)) ** 2).sum()

    expected = np.linalg.lstsq(parts[:, kept], parts.sum(1), rcond=None)[0]
    assert factors == pytest.approx(expected) and error(factors) < error(np.ones(5))


def test_scaling_survives_channels_without_contribution():
    parts = np.random.RandomState(0).randn(30, 4)
    parts[:, 1] = 0
    kept = np.array([1, 1, 1, 0], dtype=bool)
    assert np.isfinite(reconstruction.scaling(parts.T.dot(parts), kept)).all()


def test_scale_multiplies_the_readers():
    model, groups = net()
    before = model[3].weight.detach().clone()
    kept = np.array([1, 0] * 4, dtype=bool)
    reconstruction.scale(model, groups[0], kept, np.array([2.0, 3.0, 4.0, 5.0]))
    assert torch.allclose(
        model[3].weight[:, ::2],
        before[:, ::2] * torch.tensor([2.0, 3.0, 4.0, 5.0]).view(1, 4, 1, 1),
    )
    assert torch.equal(model[3].weight[:, 1::2], before[:, 1::2])


def test_a_flattened_channel_owns_several_inputs():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4 * 64, 5))
    first = group(model, "0")
    wide = slices("2.weight", 1, 4)._replace(
        indices=tuple(tuple(range(64 * c, 64 * c + 64)) for c in range(4))
    )
    each = first._replace(slices=first.slices + (wide,))
    gram = reconstruction.grams(model, [each], data(1), 3)["0"]
    assert gram.shape == (4, 4) and np.allclose(gram, gram.T)
    assert np.linalg.eigvalsh(gram).min() > -1e-9
    factors = reconstruction.scaling(gram, np.array([1, 1, 1, 0], dtype=bool))
    reconstruction.scale(model, each, np.array([1, 1, 1, 0], dtype=bool), factors)


def test_groups_that_nothing_reads_are_not_judged():
    model, groups = net()
    assert set(thinet.scores(model, groups + [group(model, "8")], data())) == {"0", "3"}


def test_points_below_one_are_refused():
    model, groups = net()
    with pytest.raises(ValueError, match="at least one point"):
        thinet.scores(model, groups, data(), points=0)


def test_readers_are_plain_layers():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=2))
    assert not reconstruction.readers(model, group(model, "0", consumers=["1"]))
    assert list(itertools.islice(reconstruction.readers(*_plain()), 2))


def _plain():
    model, groups = net()
    return model, groups[0]
