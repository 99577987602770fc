"""Trapezoids with interpolated edges against closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgejoule.devices.energy import integrate

GRID = [0.1 * i for i in range(101)]


def joules(function, start, end):
    watts = [function(t) for t in GRID]
    return integrate.trapezoid(*integrate.cut(GRID, watts, start, end))


@given(st.floats(0, 9.9), st.floats(0.01, 10), st.floats(0.1, 1000))
def test_constant_power_is_exact_in_any_window(start, length, watts):
    end = min(start + length, 10.0)
    assert joules(lambda t: watts, start, end) == pytest.approx(watts * (end - start), rel=1e-12)


@given(st.floats(0, 9.9), st.floats(0.01, 10))
def test_a_ramp_is_exact_in_any_window(start, length):
    end = min(start + length, 10.0)
    assert joules(lambda t: 3 + 2 * t, start, end) == pytest.approx(
        3 * (end - start) + end**2 - start**2, rel=1e-9
    )


def test_a_sine_is_second_order():
    found = joules(lambda t: 5 + math.sin(t), 0.33, 7.77)
    truth = 5 * 7.44 + math.cos(0.33) - math.cos(7.77)
    assert found == pytest.approx(truth, abs=0.1**2 * 7.44 / 12)


@given(st.lists(st.floats(0.01, 9.99), min_size=1, max_size=5))
def test_windows_that_touch_add_up(cuts):
    edges = [0.0] + sorted(set(cuts)) + [10.0]
    parts = [joules(lambda t: t * t, a, b) for a, b in zip(edges, edges[1:])]
    assert sum(parts) == pytest.approx(joules(lambda t: t * t, 0.0, 10.0), rel=1e-9)


def test_gaps_are_found_at_both_ends_and_inside():
    times = [1.0, 1.1, 1.2, 3.0, 3.1]
    found = integrate.gaps(times, 0.0, 4.0, limit_s=0.3, edge_s=0.1)
    assert found == ((0.0, 1.0), (1.2, 3.0), (3.1, 4.0))
    assert integrate.length(found) == pytest.approx(3.7)
    assert integrate.gaps(times, 1.0, 1.25, 0.3, 0.1) == ((1.2, 1.25),)
    assert integrate.gaps(times, 1.05, 1.15, 0.3, 0.1) == ()
    assert integrate.gaps([], 0.0, 2.0, 0.3, 0.1) == ((0.0, 2.0),)


def test_a_long_gap_is_filled_with_the_mean_of_the_rest():
    times = [0.0, 1.0, 5.0, 6.0]
    area = integrate.area(times, [10.0, 10.0, 20.0, 20.0], 0.0, 6.0, gap_s=1.5)
    assert area.joules == pytest.approx(30.0 / 2 * 6)
    assert (area.gaps.number, area.gaps.seconds, area.gaps.open) == (1, 4.0, False)


def test_one_lost_sample_in_a_hundred_hardly_matters():
    watts = [9 + 4 * math.sin(2 * math.pi * t / 2) for t in GRID]
    whole = integrate.area(GRID, watts, 0.0, 10.0, 0.3)
    lost = integrate.area(GRID[:50] + GRID[51:], watts[:50] + watts[51:], 0.0, 10.0, 0.3)
    assert lost.joules == pytest.approx(whole.joules, rel=1e-3)
    assert lost.gaps.number == 0


@pytest.mark.parametrize("tau", [0.1, 0.42, 1.0])
def test_the_lag_term_is_exact_for_a_first_order_sensor(tau):
    fine = [i * 1e-3 for i in range(8001)]
    power = [4.0 if t % 2 < 1 else 12.0 for t in fine]
    shown, value = [], 4.0
    for watts in power:
        shown.append(value)
        value += (watts - value) * (1 - math.exp(-1e-3 / tau))
    area = integrate.area(fine, shown, 0.7, 1.9, 1.0)
    truth = 4.0 * 0.3 + 12.0 * 0.9
    lagging = integrate.lag_joules(area.start_watts, area.end_watts, tau)
    assert area.joules + lagging == pytest.approx(truth, rel=1e-3)
    assert abs(area.joules - truth) > 0.03 * truth


@st.composite
def traces(draw):
    """(times, watts, start_s, end_s): a window anywhere round some samples."""
    times = sorted(draw(st.lists(st.floats(0, 10), min_size=1, max_size=8, unique=True)))
    watts = [draw(st.floats(-50, 50)) for _ in times]
    start = draw(st.floats(-2, 11))
    return times, watts, start, start + draw(st.floats(0.01, 6))


@given(traces())
def test_weights_are_the_same_as_trapezoids_and_as_steps(trace):
    times, watts, start, end = trace
    for stepped in (False, True):
        first, weights = integrate.weights(times, start, end, stepped)
        found = sum(w * value for w, value in zip(weights, watts[first:]))
        inside = integrate.cut(times, watts, start, end)
        truth = (
            integrate.steps(times, watts, start, end) if stepped else integrate.trapezoid(*inside)
        )
        assert found == pytest.approx(truth, rel=1e-9, abs=1e-6)


@given(traces(), st.floats(0.1, 0.9), st.booleans())
def test_areas_that_follow_each_other_add_up(trace, share, stepped):
    times, watts, start, end = trace
    starts = times if stepped else None
    middle = start + share * (end - start)
    whole = integrate.area(times, watts, start, end, 100.0, starts)
    parts = [
        integrate.area(times, watts, a, b, 100.0, starts)
        for a, b in ((start, middle), (middle, end))
    ]
    both = integrate.joined(parts)
    assert both.joules == pytest.approx(whole.joules, rel=1e-9, abs=1e-6)
    assert both.peak_watts >= whole.peak_watts and both.seconds == pytest.approx(end - start)
