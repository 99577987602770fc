"""Intervals, equality and seeds needed, against tables, closed forms and simulations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edgejoule.reports import paired, student

TABLE = {  # printed tables of Student's t: (probability, degrees of freedom) -> t
    (0.975, 1): 12.706,
    (0.975, 2): 4.303,
    (0.95, 2): 2.920,
    (0.975, 3): 3.182,
    (0.975, 4): 2.776,
    (0.995, 9): 3.250,
    (0.975, 30): 2.042,
    (0.8, 7): 0.896,
}


@pytest.mark.parametrize("place", sorted(TABLE))
def test_quantiles_are_those_of_the_printed_table(place):
    assert student.quantile(*place) == pytest.approx(TABLE[place], abs=6e-4)


def test_pairs_are_taken_by_seed():
    """What a seed does to both falls out; the order of the seeds does not matter."""
    found = paired.difference({0: 1.0, 1: 11.0, 2: 21.5}, {2: 20.0, 1: 10.0, 0: 0.0})
    assert found.paired and found.n == 3 and found.value == pytest.approx(7 / 6)
    assert found.interval()[0] == pytest.approx(7 / 6 - 4.3027 * (1 / 6), abs=1e-3)


def test_other_seeds_are_compared_as_groups():
    """Welch: never fewer than one degree of freedom, never more than the groups have."""
    found = paired.difference({0: 1.0, 1: 2.0, 2: 3.0}, {5: 0.0, 6: 0.5, 7: 0.2})
    assert not found.paired and 1 <= found.freedom <= 4
    assert found.value == pytest.approx(2 - 0.7 / 3)


def test_one_seed_has_a_value_and_no_interval():
    """So it can neither differ nor be equal, and no number of seeds follows from it."""
    found = paired.difference({0: 2.0}, {0: 1.0})
    assert found.value == 1.0 and found.interval() is None
    assert not found.differs() and not found.within(100.0) and found.seeds(1.0) is None
    assert paired.difference({}, {0: 1.0}) is None


def test_absence_of_a_difference_is_no_equality():
    """A wide interval round 0 neither differs nor is within the margin; a narrow one is."""
    wide = paired.difference({0: 1.0, 1: -1.0, 2: 0.1}, dict.fromkeys(range(3), 0.0))
    narrow = paired.difference({0: 0.1, 1: -0.1, 2: 0.0}, dict.fromkeys(range(3), 0.0))
    assert not wide.differs() and not wide.within(0.5)
    assert not narrow.differs() and narrow.within(0.5)


@given(some.floats(0.01, 10), some.floats(0.01, 10))
@settings(max_examples=60, deadline=None)
def test_more_spread_or_less_distance_ask_for_more_seeds(distance, size):
    calm = paired.Estimate(3, 0.0, size, 2, True)
    wild = paired.Estimate(3, 0.0, 2 * size, 2, True)
    assert calm.seeds(distance) <= wild.seeds(distance)
    assert calm.seeds(distance) >= calm.seeds(2 * distance) >= 3


def test_the_number_of_seeds_keeps_its_promise():
    """That many seeds tell a difference of one deviation apart in about four of five studies."""
    ask = paired.Estimate(4, 1.0, 0.5, 3, True).seeds(1.0)  # a deviation of 1 per seed
    draws = np.random.RandomState(0).normal(1.0, 1.0, (600, ask))
    told = sum(_of(row).differs() for row in draws) / 600
    assert 0.75 <= told <= 0.92


def test_equality_is_claimed_wrongly_in_one_study_of_twenty():
    """The true difference lies on the margin: TOST may say "equal" in 5 % of studies."""
    draws = np.random.RandomState(1).normal(1.0, 0.4, (1000, 5))
    assert sum(_of(row).within(1.0) for row in draws) / 1000 <= 0.07


def _of(values):
    return paired.difference(dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0))


def test_many_comparisons_share_the_error():
    """A difference that is clear by itself is not clear as the best of twenty."""
    found = paired.Estimate(5, 1.0, 0.3, 4, True)
    assert found.differs() and not found.differs(rivals=20)
    assert math.isclose(found.interval(0.95)[0] + found.interval(0.95)[1], 2.0)
