"""Labels: union-find against the obvious version, views, and a proof that sees every confusion."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgejoule.bench.zoo.net import awake
from edgejoule.prune import grouping, shrink
from edgejoule.prune.mask import Mask
from edgejoule.prune.tracing.labels import Labels
from edgejoule.prune.tracing.views import blocks

PAIRS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=40)


def components(pairs, size):
    """The smallest relative of every label, by repeated passes."""
    root = list(range(size))
    for _ in range(size):
        for left, right in pairs:
            low = min(root[left], root[right])
            root[left] = root[right] = low
    return root


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_classes_equal_those_of_the_obvious_version(pairs):
    labels = Labels()
    labels.allot("x", 0, 30)
    for left, right in pairs:
        labels.unify(np.array([left]), np.array([right]), "")
    assert labels.resolve().root.tolist() == components(pairs, 31)


def test_what_meets_a_constant_is_frozen_and_says_where():
    labels = Labels()
    a, b = labels.allot("a", 0, 4), labels.allot("b", 0, 4)
    labels.unify(a, b, "there")
    labels.unify(b, np.array([0, 0, 3, 4]), "pad")
    classes = labels.resolve()
    assert classes.frozen[a].tolist() == [True, True, False, False]
    assert classes.reasons[classes.reason[a[0]]][0] == "pad"
    assert classes.reason[a[2]] == -1


def test_the_first_reason_is_told():
    labels = Labels()
    a = labels.allot("a", 0, 2)
    labels.freeze(a[:1], "one", "first")
    labels.freeze(a, "two", "second")
    classes = labels.resolve()
    assert [classes.reasons[classes.reason[label]][1] for label in a] == ["first", "second"]


def test_labels_know_their_owner():
    labels = Labels()
    a, b = labels.allot("a", 0, 3), labels.allot("b", 1, 2)
    assert labels.owner(int(a[2])) == ("a", 0) and labels.owner(int(b[0])) == ("b", 1)
    assert labels.axis_of().tolist() == [0, 1, 1, 1, 2, 2]


def test_vectors_of_different_length_never_meet():
    labels = Labels()
    with pytest.raises(ValueError, match="3 channels meet 2"):
        labels.unify(labels.allot("a", 0, 3), labels.allot("b", 0, 2), "")


@pytest.mark.parametrize(
    "before,after,expected",
    [
        ((2, 8, 4, 4), (2, 128), [([0], [0]), ([1, 2, 3], [1])]),
        ((2, 12, 5), (2, 3, 4, 5), [([0], [0]), ([1], [1, 2]), ([2], [3])]),
        ((6, 4), (4, 6), [([0, 1], [0, 1])]),
        ((2, 8), (2, 8, 1, 1), [([0], [0]), ([1], [1, 2, 3])]),
        ((), (1, 1), [([], [0, 1])]),
    ],
)
def test_views_fall_into_blocks(before, after, expected):
    assert blocks(before, after) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_blocks_have_equal_products(sizes, chance):
    after = list(sizes)
    chance.shuffle(after)
    for inner, outer in blocks(sizes, after):
        assert np.multiply.reduce([sizes[i] for i in inner]) == np.multiply.reduce(
            [after[i] for i in outer]
        )


def small_net():
    torch.manual_seed(0)
    return awake(
        nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 6, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(6 * 16, 5),
        )
    )


CONFUSIONS = {
    "a norm keeps other channels": ("1.weight", 0, [0, 1, 2, 4]),
    "a consumer reads other channels": ("3.weight", 1, [4, 5, 6, 7]),
    "a bias keeps other channels": ("0.bias", 0, [1, 2, 3, 4]),
    "a consumer keeps one too many": ("3.weight", 1, [0, 1, 2, 3, 4]),
    "a filter too few": ("0.weight", 0, [0, 1, 2]),
}


@pytest.mark.parametrize("confusion", sorted(CONFUSIONS))
def test_the_proof_refuses_a_wrong_cut(confusion):
    model, example = small_net(), torch.zeros(1, 3, 8, 8)
    found = grouping.find(model, example)
    mask = Mask({found[0].name: torch.tensor([True] * 4 + [False] * 4)})
    keep = shrink.keeping(model, found, mask)
    name, axis, stay = CONFUSIONS[confusion]
    keep[name] = dict(keep[name])
    keep[name][axis] = np.array(stay)
    with pytest.raises(RuntimeError, match="the cut is refused"):
        shrink.prove(model, shrink.cut(model, keep), example, found, keep)


def test_the_proof_refuses_a_model_that_was_cut_otherwise():
    model, example = small_net(), torch.zeros(1, 3, 8, 8)
    found = grouping.find(model, example)
    keep = shrink.keeping(model, found, Mask({found[0].name: torch.arange(8) < 4}))
    small = shrink.cut(model, keep)
    small[2] = nn.Sigmoid()
    with pytest.raises(RuntimeError, match="takes another path"):
        shrink.prove(model, small, example, found, keep)
    small[2] = nn.LeakyReLU(0.3)
    with pytest.raises(RuntimeError, match="the cut is refused"):
        shrink.prove(model, small, example, found, keep)
