"""Means, spreads and paired ratios, against closed forms."""

import math

import numpy as np
import pytest

from edgejoule.reports import spread


def test_spread_of_known_values():
    """Unknown values do not count; nothing known is None, not zero."""
    assert spread.spread([1.0, None, 3.0, float("nan")]) == (2, 2.0, math.sqrt(2), 1.0, 3.0)
    assert spread.spread([5.0]) == (1, 5.0, None, 5.0, 5.0)
    assert spread.spread([None, float("nan")]) is None and spread.spread([]) is None


def test_equal_values_have_no_spread_at_all():
    """0.1 summed three times is not 0.3: the mean must not wander."""
    assert spread.spread([0.1, 0.1, 0.1]) == (3, 0.1, 0.0, 0.1, 0.1)


def test_ratios_are_paired_by_seed():
    """Each seed against its own baseline; the median of the ratios, not a ratio of means."""
    found = spread.ratio({0: 1.0, 1: 20.0}, {1: 40.0, 0: 2.0})
    assert found == (2, 0.5, 0.5, 0.5) and not found.is_interval


@pytest.mark.parametrize(
    "values, baseline",
    [
        ({0: 1.0}, {1: 1.0}),
        ({0: None}, {0: 1.0}),
        ({0: 1.0}, {0: float("nan")}),
        ({}, {}),
        ({0: 1.0}, {0: 0.0}),
    ],
)
def test_no_ratio_without_a_pair(values, baseline):
    """Nothing is compared with another seed, with the unknown, or with zero."""
    assert spread.ratio(values, baseline) is None


def test_two_pairs_give_their_range_three_an_interval():
    """The interval lies within the extremes and holds the median."""
    ones = dict.fromkeys(range(9), 1.0)
    assert spread.ratio({0: 0.4, 1: 0.9}, ones)[2:] == (0.4, 0.9)
    found = spread.ratio({seed: 0.5 + 0.01 * seed for seed in range(9)}, ones)
    assert found.is_interval and 0.5 < found.low < found.value == 0.54 < found.high < 0.58


def test_the_median_of_ratios_does_not_depend_on_the_side_that_is_divided_by():
    """Of an even number it is the geometric mean of the two in the middle."""
    assert spread.geometric_median([0.3, 4.0, 0.25]) == 0.3
    assert spread.geometric_median([0.5, 8.0, 0.1, 2.0]) == 1.0
    assert spread.geometric_median([1 / 0.5, 1 / 8.0, 1 / 0.1, 1 / 2.0]) == 1.0


def test_the_interval_covers_as_it_says():
    """95 % nominal; the percentile bootstrap of a median of 12 keeps 88 to 99 % in practice."""
    draws = np.random.RandomState(1).normal(0.0, 0.02, (300, 12))
    inside = sum(
        low <= 1.0 <= high for low, high in (spread.interval(np.exp(row)) for row in draws)
    )
    assert 0.88 <= inside / 300 <= 0.99


def test_the_interval_is_the_same_every_time():
    """A fixed seed of its own: no global state is read or left behind."""
    np.random.seed(3)
    before = np.random.get_state()[1].tolist()
    assert spread.interval([0.5, 0.6, 0.7, 0.9]) == spread.interval([0.9, 0.7, 0.6, 0.5])
    assert np.random.get_state()[1].tolist() == before
