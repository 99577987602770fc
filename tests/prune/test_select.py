"""Selection: exact counts, one stable order, the guard against empty layers, hardware widths."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgejoule.prune.groups import Group, Slice
from edgejoule.prune.select import select

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=5)


def made(sizes, each=1):
    """Groups of these sizes whose channels own `each` positions."""
    return [
        Group(
            "g{}".format(i),
            n,
            (
                Slice(
                    "w{}".format(i),
                    0,
                    tuple(tuple(range(c * each, c * each + each)) for c in range(n)),
                ),
            ),
            (),
        )
        for i, n in enumerate(sizes)
    ]


def scored(sizes, values=None):
    values = iter(values or torch.rand(sum(sizes), generator=torch.Generator().manual_seed(1)))
    return {
        "g{}".format(i): torch.tensor([float(next(values)) for _ in range(n)])
        for i, n in enumerate(sizes)
    }


@settings(max_examples=80, deadline=None)
@given(SIZES, st.integers(0, 99))
def test_exactly_the_floor_is_removed_or_refused(sizes, percent):
    ratio, total = percent / 100, sum(sizes)
    quota = math.floor(ratio * total + 1e-9)
    if quota > total - len(sizes):
        with pytest.raises(ValueError, match="min_channels allows"):
            select(scored(sizes), made(sizes), ratio)
        return
    mask = select(scored(sizes), made(sizes), ratio)
    assert mask.channels - mask.kept == quota
    assert all(int(flags.sum()) >= 1 for flags in mask.values())


def test_the_rule_of_the_house_on_ten_scores():
    mask = select(scored([10], range(1, 11)), made([10]), 0.2)
    assert mask["g0"].tolist() == [False, False] + [True] * 8
    gammas = select(scored([4], [0.9, 0.1, 0.5, 0.3]), made([4]), 0.5)
    assert gammas["g0"].tolist() == [True, False, True, False]


def test_ties_fall_to_the_earlier_group_and_channel():
    mask = select(scored([3, 3], [1] * 6), made([3, 3]), 0.34)
    assert mask["g0"].tolist() == [False, False, True] and mask["g1"].all()


def test_scope_layer_removes_from_each():
    mask = select(scored([4, 8], range(12)), made([4, 8]), 0.5, scope="layer")
    assert [int(flags.sum()) for flags in mask.values()] == [2, 4]


def test_higher_ratios_remove_supersets():
    sizes = [6, 9, 5]
    masks = [select(scored(sizes), made(sizes), ratio) for ratio in (0.1, 0.4, 0.7)]
    for less, more in zip(masks, masks[1:]):
        assert all(bool((less[name] | ~more[name]).all()) for name in less)


def test_the_guard_holds_a_layer_and_says_so():
    mask = select(scored([4, 6], [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]), made([4, 6]), 0.5)
    assert mask["g0"].tolist() == [False, False, False, True]
    assert mask["g1"].tolist() == [False, False, True, True, True, True]
    assert mask.notes == ("group 'g0' was held at 1 of 4 channels; 1 more had been lowest",)


def test_min_channels_as_a_share():
    mask = select(scored([10, 10], range(20)), made([10, 10]), 0.6, min_channels=0.3)
    assert [int(flags.sum()) for flags in mask.values()] == [3, 5]


def test_a_table_of_ratios_leaves_the_rest_whole():
    mask = select(scored([4, 4, 4]), made([4, 4, 4]), {"g0": 0.5, "g[2]": 0.75})
    assert [int(flags.sum()) for flags in mask.values()] == [2, 4, 1]
    with pytest.raises(ValueError, match="no group matches 'h.'"):
        select(scored([4]), made([4]), {"h.": 0.5})


@pytest.mark.parametrize("ratio,kept", [(0.5, 16), (0.7, 8), (0.3, 24), (0.95, 8), (0.05, 32)])
def test_widths_are_rounded_to_the_multiple(ratio, kept):
    mask = select(scored([32]), made([32]), ratio, multiple_of=8)
    assert mask.kept == kept


def test_rounding_counts_positions_not_channels():
    mask = select(scored([8]), made([8], each=4), 0.6, multiple_of=16)
    assert mask.kept == 4


def test_rounding_that_can_t_be_met_is_noted():
    mask = select(scored([6]), made([6]), 0.5, multiple_of=8)
    assert mask.kept == 6 and "no multiple of 8 fits" in mask.notes[0]


@pytest.mark.parametrize(
    "settings_",
    [
        {"ratio": 1.0},
        {"ratio": -0.1},
        {"ratio": 0.5, "scope": "some"},
        {"ratio": 0.5, "multiple_of": 0},
    ],
)
def test_settings_out_of_range_are_errors(settings_):
    with pytest.raises(ValueError):
        select(scored([4]), made([4]), **settings_)


def test_scores_must_fit_and_be_numbers():
    with pytest.raises(ValueError, match="found None"):
        select({}, made([4]), 0.5)
    with pytest.raises(ValueError, match="NaN"):
        select(scored([2], [1, float("nan")]), made([2]), 0.5)
