"""Numbers as text: units that fit, and no digit that the spread does not support."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edgejoule.reports import quantity
from edgejoule.reports.quantity import COUNT, ENERGY, FLOPS, ONE, PERCENT
from edgejoule.reports.spread import Ratio, Spread


@pytest.mark.parametrize(
    "mean, sd, written",
    [
        (0.9805, 0.0007, ("98.05", "± 0.07")),
        (0.98, 0.004, ("98.0", "± 0.4")),
        (0.9, 0.0123, ("90.0", "± 1.2")),
        (0.9, 0.0197, ("90", "± 2")),
        (0.9, 0.2, ("90", "± 20")),
        (0.98, 0.0, ("98.0", "± 0")),
        (0.98, None, ("98.0", "")),
    ],
)
def test_the_spread_decides_the_digits_of_the_mean(mean, sd, written):
    """One digit of the standard deviation, two if the first is a 1."""
    assert quantity.written(Spread(2, mean, sd, mean, mean), PERCENT) == written


def test_a_lucky_spread_buys_no_digits():
    """Two seeds may agree by chance; four digits are the most that is shown."""
    assert quantity.written(Spread(2, 2.34821, 0.0000004, 0, 0), ONE) == ("2.348", "±<0.001")


def test_without_a_spread_three_digits():
    """And a counted quantity is exact, with four at most."""
    assert quantity.written(Spread(1, 1234.5, None, 0, 0), ENERGY[1]) == ("1.23", "")
    assert quantity.written(Spread(2, 272474, 0.0, 0, 0), COUNT[2], exact=True) == ("272.5", "")
    assert quantity.written(Spread(2, 4.0, 0.0, 4, 4), ONE, exact=True) == ("4", "")
    assert quantity.written(Spread(1, 12734, None, 0, 0), FLOPS[2], exact=True) == ("0.000013", "")


@given(some.floats(1e-6, 1e9), some.floats(1e-6, 1e6))
@settings(max_examples=200, deadline=None)
def test_mean_and_spread_end_at_the_same_place(mean, sd):
    """And what is written is the mean, to within its last digit."""
    main, extra = quantity.written(Spread(3, mean, sd, mean, mean), ONE)
    decimals = [len(text.partition(".")[2]) for text in (main, re.sub("[^0-9.]", "", extra))]
    assert decimals[0] == decimals[1]
    assert abs(float(main) - mean) <= max(sd, abs(mean) / 500)


@given(some.floats(1e-9, 1e18))
@settings(max_examples=200, deadline=None)
def test_significant_digits(value):
    """Three digits are right to half a percent, in plain figures."""
    text = quantity.significant(value)
    assert abs(float(text) - value) <= 0.00501 * value and "e" not in text
    assert len(text.replace(".", "").strip("0")) <= 3


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (999.6, "1000"), (0.09996, "0.100"), (12345, "12300"), (1.0, "1.00")]
)
def test_significant_digits_at_the_edges(value, text):
    """Where rounding adds a digit."""
    assert quantity.significant(value) == text


@pytest.mark.parametrize(
    "low, high, n, written",
    [
        (0.52, 0.54, 3, ("0.530", "[0.520–0.540]")),
        (0.2, 0.8, 2, ("0.5", "(0.2–0.8)")),
        (0.53, 0.53, 1, ("0.53", "")),
        (0.53, 0.5300001, 2, ("0.53", "")),
    ],
)
def test_ratios_show_an_interval_or_a_range(low, high, n, written):
    """Square brackets are an interval, round ones smallest and largest."""
    assert quantity.written_ratio(Ratio(n, 0.53, low, high)) == written


def test_units_fit_the_largest_value():
    """And where nothing is known the unit is the SI one."""
    assert quantity.fitting([3e12, 5e15], FLOPS).name == "PFLOPs"
    assert quantity.fitting([3e3], FLOPS).name == "FLOPs"
    assert quantity.fitting([None, float("nan")], ENERGY).name == "J"
    assert quantity.fitting([0.5], ENERGY).name == "mJ"
