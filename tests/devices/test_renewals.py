"""When a sensor renews its value, from reads closer together than that."""

import random

import pytest

from edgejoule.devices.calibration import least_squares, renewals


def reads(update_s, spacing_s, seconds, phase=0.3, late=0.0):
    """(moments, watts) of reads of a value that is another at each renewal, or the same twice."""
    chance = random.Random(1)
    values = [float(chance.randrange(2)) for _ in range(int(seconds / update_s) + 2)]
    times, t = [], 50.0
    while t < 50.0 + seconds:
        times.append(t)
        t += spacing_s * (1.0 + 0.2 * chance.random())
        t += 5 * spacing_s if chance.random() < late else 0.0
    return times, [values[int((t - 50.0) / update_s + phase)] for t in times]


@pytest.mark.parametrize("update_s, spacing_s", [(0.1, 0.001), (0.02, 0.001), (0.5, 0.05)])
@pytest.mark.parametrize("late", [0.0, 0.05])
def test_the_update_is_found_though_half_of_them_change_nothing(update_s, spacing_s, late):
    found = renewals.find(*reads(update_s, spacing_s, 100 * update_s, late=late))
    assert found.update_s.low <= update_s <= found.update_s.high
    assert found.update_s.high - found.update_s.low < 0.02 * update_s
    offs = [(moment - 50.0) / update_s + 0.3 for moment in found.moments]
    assert all(abs(off - round(off)) < 0.1 for off in offs)
    assert len(found.moments) >= 80


def test_a_value_that_is_new_at_each_read_has_no_update():
    times = [0.01 * n for n in range(200)]
    found = renewals.find(times, [float(n) for n in range(200)])
    assert found.update_s is None and found.moments == times


def test_changes_at_random_moments_have_no_update():
    chance = random.Random(3)
    moments = sorted(chance.uniform(0.0, 20.0) for _ in range(60))
    times = [0.005 * n for n in range(4000)]
    watts = [float(sum(m <= t for m in moments)) for t in times]
    assert renewals.find(times, watts).update_s is None


@pytest.mark.parametrize("number", [0, 1, 5])
def test_few_reads_tell_nothing(number):
    assert renewals.find([0.1 * n for n in range(number)], [5.0] * number).update_s is None


def test_a_thousand_renewals_are_thinned_evenly():
    found = renewals.find(*reads(0.01, 0.001, 10.0))
    assert 200 < len(found.moments) <= renewals.MOST
    steps = [b - a for a, b in zip(found.moments, found.moments[1:])]
    assert max(steps) == pytest.approx(0.03, rel=0.35)


def test_an_inverse_is_one():
    matrix = [[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [4.0, 1.0, 0.0]]
    turned = least_squares.inverse(matrix)
    for i, row in enumerate(matrix):
        for j, column in enumerate(zip(*turned)):
            assert least_squares.dot(row, column) == pytest.approx(float(i == j), abs=1e-12)


def test_a_fit_finds_its_numbers_and_stays_above_the_least():
    times = [0.1 * n for n in range(40)]
    truth = [2.0 * t / (t + 0.7) for t in times]

    def left(numbers):
        return [numbers[0] * t / (t + numbers[1]) - y for t, y in zip(times, truth)]

    found = least_squares.fit(left, [1.0, 0.3], [0.0, 0.0], 1e-6)
    assert found.numbers == pytest.approx([2.0, 0.7], rel=1e-3)
    assert least_squares.fit(left, [1.0, 1.5], [0.0, 1.0], 1e-6).numbers[1] == 1.0
