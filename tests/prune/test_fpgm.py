"""FPGM: sums of distances, by hand and pair by pair."""

import numpy as np
import pytest
import torch
from rigs.hand_groups import group
from torch import nn

from edgejoule.prune.criteria import fpgm
from edgejoule.prune.settings import Criterion


def layer(rows):
    """A linear layer with these filters, and its group."""
    rows = torch.tensor(rows, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(rows.shape[1], rows.shape[0], bias=False).double())
    model[0].weight.data = rows
    return model, [group(model, "0")]


def found(rows, **options):
    model, groups = layer(rows)
    return fpgm.scores(model, groups, [], **options)["0"].numpy()


def test_of_filters_on_a_line_the_one_in_the_middle_leaves_first():
    assert found([[0.0], [1.0], [10.0]]).tolist() == [11, 10, 19]


def naive(rows, distance):
    sums = []
    for a in rows:
        total = 0.0
        for b in rows:
            if distance == "cos":
                total += 1 - a.dot(b) / np.sqrt(a.dot(a) * b.dot(b))
            else:
                apart = np.abs(a - b)
                total += apart.sum() if distance == "l1" else np.sqrt((apart**2).sum())
        sums.append(total)
    return np.array(sums)


@pytest.mark.parametrize("distance", fpgm.DISTANCES)
def test_every_distance_equals_the_naive_one(distance):
    rows = np.random.RandomState(0).randn(9, 7)
    assert found(rows, distance=distance) == pytest.approx(naive(rows, distance), rel=1e-12)


@pytest.mark.parametrize("distance", fpgm.DISTANCES)
def test_small_filters_leave_first_and_count_no_more(distance):
    rows = np.random.RandomState(1).randn(8, 5)
    scores = found(rows, distance=distance, small=0.25)
    norms = np.abs(rows).sum(1) if distance == "l1" else np.sqrt((rows**2).sum(1))
    small, rest = norms.argsort()[:2], np.sort(norms.argsort()[2:])
    assert scores.argsort()[:2].tolist() == small.tolist() and (scores[small] < 0).all()
    assert scores[rest] == pytest.approx(naive(rows[rest], distance))


def test_copies_of_a_filter_draw_it_towards_the_middle():
    """Four equal filters among five scattered ones lie where the distances are least."""
    rows = np.random.RandomState(2).randn(9, 30)
    rows[[1, 4, 6, 8]] = 0.1 * rows[1]
    scores = found(rows)
    assert set(scores.argsort()[:4]) == {1, 4, 6, 8} and np.ptp(scores[[1, 4, 6, 8]]) < 1e-12


def test_layers_of_one_group_count_as_one_long_filter():
    model, (each,) = layer(np.random.RandomState(3).randn(5, 4))
    both = each._replace(units=each.units * 2)
    once, twice = (fpgm.scores(model, [one], [])["0"] for one in (each, both))
    assert torch.allclose(twice, 2**0.5 * once)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="no distance called 'l3'; there are: l2, l1, cos"):
        Criterion("fpgm", distance="l3")
    with pytest.raises(ValueError, match="small=1.0; it is a share"):
        Criterion("fpgm", small=1.0)


def test_work_is_three_operations_a_weight_and_pair():
    model, groups = layer(np.ones((5, 4)))
    assert fpgm.flops(model, groups, []) == 3 * 5 * 4 * 4
