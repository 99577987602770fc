"""Mean, spread and interval of several runs."""

import random

import pytest

from edgejoule.devices import repeats


@pytest.mark.parametrize(
    "freedom,t",
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (9, 2.26216), (30, 2.04227), (1000, 1.96234)],
)
def test_students_points_are_those_of_the_tables(freedom, t):
    assert repeats.student(freedom) == pytest.approx(t, rel=1e-5)


def test_other_shares():
    assert repeats.student(4, 0.99) == pytest.approx(4.60409, rel=1e-5)
    assert repeats.student(5, 0.5) == pytest.approx(0.726687, rel=1e-5)


def test_nothing_has_no_spread_and_one_run_has_no_interval():
    assert repeats.spread([]) is None
    assert repeats.spread([3.0]) == repeats.Spread(1, 3.0, None, None, None)


def test_two_runs_have_a_wide_interval():
    found = repeats.spread([10.0, 12.0])
    assert (found.n, found.mean) == (2, 11.0) and found.sd == pytest.approx(2**0.5)
    assert found.high - found.mean == pytest.approx(12.7062, rel=1e-5)
    assert found.mean - found.low == pytest.approx(12.7062, rel=1e-5)


def test_equal_runs_have_an_interval_of_no_width():
    assert repeats.spread([2.0, 2.0, 2.0]) == (3, 2.0, 0.0, 2.0, 2.0)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_nineteen_of_twenty_intervals_hold_the_mean(n):
    dice, held = random.Random(n), 0
    for _ in range(2000):
        found = repeats.spread([dice.gauss(5.0, 1.0) for _ in range(n)])
        held += found.low <= 5.0 <= found.high
    assert 0.935 <= held / 2000 <= 0.965
