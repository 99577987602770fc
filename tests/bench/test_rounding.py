"""One rounding for logs and tables: by the digits that are printed, a half away from zero."""

import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from rigs import bundles

from edgejoule.bench import rounding
from edgejoule.bench.progress import Progress
from edgejoule.bench.records import EpochRecord
from edgejoule.reports import gather, results
from edgejoule.reports.sections import raw_files

FINITE = some.floats(allow_nan=False, allow_infinity=False)


def test_the_log_and_the_tables_show_one_accuracy(tmp_path, capsys):
    """0.9685 was 96.9 % in the log and 96.8 in both tables."""
    document = bundles.record(accuracy=0.9685)
    log = io.StringIO()
    epoch = EpochRecord(**dict(document["epochs"][0], accuracy=0.9685))
    Progress("dense", log).epoch(epoch)
    report = gather.report(bundles.write(tmp_path, [document]))
    assert "accuracy 96.9%" in log.getvalue() and "accuracy 96.9%" in capsys.readouterr().err
    assert results.results(report).rows[0].cells[2].main == "96.9"
    assert '<td class="number">96.9</td>' in raw_files.render(report)


def test_every_half_goes_up():
    """All accuracies of four digits that end in a 5, whatever their float is."""
    for number in range(5, 10000, 10):
        assert rounding.percent(number / 10000) == "{:.1f}".format((number + 5) // 10 / 10)


@pytest.mark.parametrize(
    "value, decimals, text",
    [
        (0.125, 2, "0.13"),
        (-0.125, 2, "-0.13"),
        (2.675, 2, "2.68"),
        (2.5, 0, "3"),
        (12350, -2, "12400"),
        (0.0, -2, "0"),
        (0, 2, "0.00"),
        (1e22, 1, "10000000000000000000000.0"),
        (1e-300, 3, "0.000"),
    ],
)
def test_fixed_at_the_edges(value, decimals, text):
    assert rounding.fixed(value, decimals) == text


@given(FINITE, some.integers(-3, 12))
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_the_value_to_half_its_last_digit(value, decimals):
    text = rounding.fixed(value, decimals)
    assert abs(Decimal(text) - Decimal(repr(value))) <= Decimal(1).scaleb(-decimals) / 2
    assert "E" not in text and len(text.partition(".")[2]) == max(decimals, 0)


@given(some.integers(0, 10**6), some.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_scaling_and_differences_are_those_of_the_printed_digits(a, b):
    """Fractions of six digits: no 57.349999999999994."""
    one, other = a / 10**6, b / 10**6
    assert rounding.scaled(one, 0.01) == a / 10**4
    assert rounding.points(one, other) == (a - b) / 10**4


@pytest.mark.parametrize(
    "value, digits, rounded",
    [(999.5, 3, "1000"), (0.09995, 3, "0.1000"), (0.15, 1, "0.2"), (0.0, 3, "0"), (7, 1, "7")],
)
def test_significant_digits_may_carry(value, digits, rounded):
    assert rounding.significant(value, digits) == Decimal(rounded)


def test_a_numpy_number_is_a_number():
    """Its repr names its type."""
    numpy = pytest.importorskip("numpy")
    assert rounding.percent(numpy.float64(0.9685)) == "96.9"
    assert rounding.percent(numpy.float32(0.5)) == "50.0"
