"""Which connections go and come, on tensors small enough to see."""

import pytest
import torch

from edgejoule.prune.weightmasks import regrow

ROW = [-0.9, -0.5, -0.2, -0.1, 0.05, 0.3, 0.4, 0.6, 0.8, 1.0]


def flags(*true, size=16):
    """A mask of so many places, true at some."""
    found = torch.zeros(size, dtype=torch.bool)
    found[list(true)] = True
    return found


@pytest.mark.parametrize(
    "rule, gone",
    [
        (regrow.by_magnitude_of_each_sign, {-0.1, 0.05}),
        (regrow.by_magnitude, {0.05, -0.1, -0.2}),
    ],
)
def test_the_ways_of_set(rule, gone):
    weight = torch.tensor([*ROW, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
    found = rule(weight, flags(*range(10)), 0.3)
    assert set(weight[found].tolist()) == gone


def test_a_connection_that_is_still_zero_is_one_all_the_same():
    weight, kept = torch.zeros(16), flags(3, 5, 7)
    weight[3] = 1.0
    assert regrow.by_magnitude(weight, kept, 0.67).tolist() == flags(5, 7).tolist()
    assert not regrow.by_magnitude_of_each_sign(weight, kept, 0.9).any()


@pytest.mark.parametrize("count, share, expected", [(100, 0.29, 29), (10, 0.3, 3), (3, 0.3, 0)])
def test_shares_round_down(count, share, expected):
    assert regrow.share_of(count, share) == expected


def test_the_planted_gradients_grow():
    gradient, kept = torch.randn(16), flags(0, 1, 2)
    gradient[[1, 9, 12]] = torch.tensor([99.0, -50.0, 40.0])
    assert regrow.steepest(gradient, kept, 2).tolist() == flags(9, 12).tolist()


def test_of_equal_gradients_the_earlier_grows():
    assert regrow.steepest(torch.zeros(16), flags(0, 2), 2).tolist() == flags(1, 3).tolist()


def test_below_a_threshold_and_never_the_last():
    weight = torch.tensor(ROW)
    kept = torch.ones(10, dtype=torch.bool)
    assert weight[regrow.below(weight, kept, 0.3)].tolist() == pytest.approx([-0.2, -0.1, 0.05])
    gone = regrow.below(weight, kept, 2.0)
    assert weight[~gone].tolist() == [1.0]
    nothing = torch.zeros(10, dtype=torch.bool)
    assert not regrow.below(weight, nothing, 2.0).any()


def test_chance_draws_every_free_place_and_dropped_ones_last():
    kept, dropped, seen = flags(0, 1), flags(2, 3), torch.zeros(16)
    chance = torch.Generator().manual_seed(0)
    for _ in range(400):
        new = regrow.by_chance(kept, dropped, 3, chance)
        assert int(new.sum()) == 3 and not (new & (kept | dropped)).any()
        seen += new
    assert seen[4:].min() > 60 and seen[4:].max() < 140, "100 on average, deviation 9"
    full = flags(*range(12))
    new = regrow.by_chance(full, flags(12, 13, 14), 3, chance)
    assert new[15] and int(new.sum()) == 3 and not (new & full).any()


def test_survivors_share_what_grows():
    assert regrow.allotted(30, [90, 54, 26], [100, 100, 100]) == [16, 9, 5]
    capped = regrow.allotted(30, [90, 54, 26], [100, 5, 100])
    assert sum(capped) == 30 and capped[1] == 5
    assert regrow.allotted(4, [0, 0], [3, 5]) == [2, 2]
    assert regrow.allotted(9, [5, 0], [3, 5]) == [3, 5], "no more than there is room"
    assert regrow.allotted(0, [5], [3]) == [0]


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        regrow.by_magnitude(torch.full((4,), float("nan")), torch.ones(4, dtype=torch.bool), 0.5)
