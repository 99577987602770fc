"""Counters: ticks, interpolation, resets."""

import pytest

from edgejoule.devices.energy import ticks


def counter(power, update_s, poll_s, until_s):
    """(times, joules) of a polled register that is renewed every `update_s`."""
    times = [i * poll_s for i in range(int(until_s / poll_s))]
    return times, [power * (t // update_s) * update_s for t in times]


def joules(found, start, end):
    return ticks.edge(found, end).joules - ticks.edge(found, start).joules


def test_ticks_lie_between_the_looks_that_saw_them():
    found = ticks.find([0.0, 0.1, 0.2, 0.3], [5.0, 5.0, 7.0, 7.0], update_s=0.4)
    assert found.times_s == [0.0, pytest.approx(0.15)] and found.joules == [5.0, 7.0]


def test_the_first_look_is_no_tick_once_there_are_others():
    times, joules = counter(100.0, 0.1, 0.03, 1.0)
    found = ticks.find(times, joules, update_s=0.1)
    assert found.times_s[0] == pytest.approx(0.1, abs=0.03) and found.joules[0] > joules[0]


@pytest.mark.parametrize("start,length", [(1.037, 0.25), (1.0, 1.0), (2.71, 5.0)])
def test_constant_power_is_within_a_quarter_update(start, length):
    found = ticks.find(*counter(100.0, 0.1, 0.025, 10.0), update_s=0.1)
    error = joules(found, start, start + length) / (100.0 * length) - 1
    assert abs(error) <= 0.1 / (4 * length) + 1e-3


def test_update_is_the_median_step():
    assert ticks.update_s(ticks.find(*counter(50.0, 0.1, 0.01, 3.0))) == pytest.approx(0.1)
    assert ticks.update_s(ticks.find([0.0, 1.0], [3.0, 3.0])) is None


def test_a_reset_leaves_a_hole_not_a_negative():
    found = ticks.find([0, 1, 2, 3, 4], [100.0, 110.0, 2.0, 12.0, 22.0])
    assert found.breaks == (2,)
    assert ticks.powers(found)[1] is None


def test_a_counter_renewed_faster_than_it_is_read_is_as_fresh_as_the_read():
    found = ticks.find([0.0, 1.0, 1.3], [0.0, 10.0, 13.0], update_s=1e-3)
    assert found.times_s == pytest.approx([0.0, 1.0, 1.3], abs=1e-3)


def test_a_counter_that_never_moved_says_nothing():
    assert ticks.edge(ticks.find([0, 1, 2], [7.0, 7.0, 7.0]), 2.0) is None


def test_beyond_the_ticks_the_nearest_power_is_held():
    found = ticks.find([0.0, 1.0, 2.0], [0.0, 10.0, 30.0])
    assert ticks.edge(found, 3.0) == ticks.Edge(50.0, 2.0, None)
    assert ticks.edge(found, -1.0) == ticks.Edge(-10.0, None, 0.0)


def test_powers_add_up():
    found = ticks.find([0.0, 1.0, 2.0, 3.0], [0.0, 10.0, 30.0, 35.0])
    whole = ticks.powers_between(found, 0.0, 3.0)
    assert (whole.low_watts, whole.peak_watts, whole.number) == (5.0, 20.0, 3)
    parts = [ticks.powers_between(found, a, b) for a, b in ((0.0, 1.0), (1.0, 3.0))]
    assert ticks.all_powers(parts) == whole
    assert whole.variance == pytest.approx(350.0 / 9.0)
