"""The fast greedy order equals the obvious one, ties included."""

import numpy as np
import pytest
import torch

from edgejoule.prune.scoring import greedy


def naive_order(matrix, worth):
    """The rule, word for word: find the closest pair, remove the less worthy, repeat."""
    alive, order, gaps = list(range(len(worth))), [], []
    while len(alive) > 1:
        gap, i, j = min((matrix[i, j], i, j) for i in alive for j in alive if i < j)
        victim = j if worth[i] == worth[j] else (i if worth[i] < worth[j] else j)
        alive.remove(victim)
        order.append(victim)
        gaps.append(gap)
    return order + alive, gaps + [np.inf] * len(alive)


def random_matrix(size, levels, seed):
    upper = np.triu(np.random.RandomState(seed).randint(0, levels, (size, size)), 1)
    return (upper + upper.T).astype(float)


def among(matrix):
    return lambda units: lambda rows: matrix[units[rows]][:, units]


@pytest.mark.parametrize(
    "size, levels, neighbours",
    [(1, 5, 4), (2, 5, 4), (9, 3, 64), (23, 10**6, 3), (23, 10**6, 64), (40, 10**6, 1)],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_order_equals_the_naive_one(size, levels, neighbours, seed):
    matrix = random_matrix(size, levels, seed)
    worth = np.random.RandomState(seed + 9).randint(0, 4, size)
    order, gaps = greedy.removal_order(among(torch.from_numpy(matrix)), worth, neighbours)
    expected, expected_gaps = naive_order(matrix, worth)
    assert order.tolist() == expected
    assert gaps.tolist() == expected_gaps


def test_nothing_to_order():
    order, gaps = greedy.removal_order(None, [])
    assert len(order) == 0 and len(gaps) == 0


def test_gaps_never_fall():
    matrix = torch.from_numpy(random_matrix(50, 10**6, 3))
    _, gaps = greedy.removal_order(among(matrix), np.zeros(50), 4)
    assert (np.diff(gaps[:-1]) >= 0).all()


@pytest.mark.parametrize("size", [1, 2, 65, 66, 300])
def test_comparisons_counts_what_the_lists_ask_for(size):
    points = torch.rand(size, dtype=torch.float64)
    asked = []

    def counting(units):
        def distances(rows):
            asked.append(len(rows) * len(units) if len(rows) > 1 else 0)
            return (points[units[rows]][:, None] - points[units][None]).abs()

        return distances

    greedy.removal_order(counting, np.zeros(size))
    assert greedy.comparisons(size) == sum(asked)


def test_nearest():
    points = torch.tensor([0.0, 3.0, 4.0])
    distances = (points[:, None] - points[None]).abs()
    assert greedy.nearest(among(distances), 3).tolist() == [3, 1, 1]
    assert greedy.nearest(None, 1).tolist() == [np.inf]
