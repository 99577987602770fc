"""Counters that restart, wrap, stand still or are not heard for a while."""

import pytest

from edgejoule.devices.energy import window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import DeviceInfo, Sample

INFO = DeviceInfo(
    "rapl", "fake", "package", "package", period_s=0.1, update_s=0.001, sensing="counter"
)
RANGE_J = 262143.328850


def reading(joules, info=INFO, start=0.0, end=60.0, silent=(), watts=None):
    """Of a window over a counter `joules(t)` that is heard every 0.1 s, but for `silent`."""
    record = Record(0.1, info)
    for i in range(-10, 631):
        t = 0.1 * i
        if not any(a < t < b for a, b in silent):
            record.add(t, t, Sample(watts=watts, joules=joules(t)))
    return window.reading(record, info, start, end)


@pytest.mark.parametrize("limit", [None, 15.0])
@pytest.mark.parametrize("after", [-260000.0, 261083.0], ids=["restarted", "unwrapped"])
def test_a_restart_is_no_energy(after, limit):
    """2 W; a driver was loaded anew after 30 s, and what wraps counters made a wrap of it."""
    found = reading(
        lambda t: 262000.0 + 2.0 * t + (after if t > 30.05 else 0.0),
        INFO._replace(limit_watts=limit),
    )
    assert found.joules == pytest.approx(120.0, rel=0.05)
    assert found.status == "degraded" and "restarted" in found.reason


def test_a_load_of_thirty_times_the_idle_power_is_no_restart():
    found = reading(lambda t: 10.0 * t if t < 30.0 else 300.0 + 150.0 * (t - 30.0))
    assert found.joules == pytest.approx(4800.0, rel=0.01) and found.status == "ok"


def test_a_hole_inside_costs_nothing():
    found = reading(lambda t: 100.0 * t, silent=[(20.0, 24.0)])
    assert found.joules == pytest.approx(6000.0, rel=1e-6)
    assert (found.status, found.coverage) == ("ok", 1.0)


@pytest.mark.parametrize("silent", [(-2.0, 4.0), (56.0, 62.0)])
def test_a_hole_at_an_edge_costs_the_edge(silent):
    power = (50.0, 150.0)  # which of them it was in the hole, nobody knows
    found = reading(
        lambda t: power[0] * t if t < 30.0 else 1500.0 + power[1] * (t - 30), silent=[silent]
    )
    assert found.coverage == pytest.approx(56.0 / 60.0, abs=0.01)
    assert found.status == "invalid"
    assert found.repeatability_joules > 4.0 * 100.0 / 2


def test_a_counter_far_below_the_sampled_power_is_told():
    found = reading(lambda t: 57.0 * t, watts=100.0)
    assert found.joules == pytest.approx(57.0 * 60.0)
    assert found.status == "degraded" and "43% below sampled power" in found.reason
    assert reading(lambda t: 95.0 * t, watts=100.0).status == "ok"


def test_power_that_fails_beside_a_counter_is_no_matter():
    record = Record(0.1, INFO)
    for i in range(700):
        t = 0.1 * i
        record.add(t, t, Sample(watts=100.0 if t < 30.0 else None, joules=100.0 * t))
    found = window.reading(record, INFO, 2.0, 62.0)
    assert found.source == "counter" and found.status == "ok"
    assert found.joules == pytest.approx(6000.0, rel=1e-6)


def test_rails_that_count_go_on_over_a_restart():
    record = Record(0.1, INFO._replace(limit_watts=50.0))
    for i in range(700):
        t = 0.1 * i
        lost = 0.0 if t < 30.05 else 5000.0
        record.add(
            t, t, Sample(joules=9000.0 + 10.0 * t - lost, rails={"core": 8000.0 + 4.0 * t - lost})
        )
    found = window.reading(record, INFO, 2.0, 62.0)
    assert found.joules == pytest.approx(600.0, rel=0.01)
    assert found.rails["core"] == pytest.approx(240.0, rel=0.01)


def test_the_bar_of_a_short_window_is_too_wide_to_answer():
    info = INFO._replace(update_s=1.0, period_s=0.25)
    record = Record(0.25, info)
    for i in range(400):
        t = 0.25 * i
        record.add(t, t, Sample(joules=float(int(t)) * (10.0 if int(t / 20) % 2 else 40.0)))
    assert window.reading(record, info, 10.0, 15.0).status in ("too_short", "degraded")
