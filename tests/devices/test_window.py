"""From record to reading: status, coverage, sources, error bars."""

import math
import random

import pytest

from edgejoule.devices.energy import window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import DeviceInfo, Sample

INFO = DeviceInfo("fake", "fake", "IN", "module", period_s=0.1, gain=0.01)


def record(power=lambda t: 8.0, until=20.0, period=0.1, skip=(), joules=None, **more):
    """A record of a power function on a regular grid, samples in `skip` (from, to) left out."""
    found = Record(period)
    for i in range(int(until / period) + 1):
        t = i * period
        if not any(a < t < b for a, b in skip):
            found.add(
                t,
                t,
                Sample(
                    watts=None if power is None else power(t),
                    joules=None if joules is None else joules(t),
                    **more,
                ),
            )
    return found


def test_constant_power_is_exact():
    reading = window.reading(record(), INFO, 3.33, 13.33)
    assert reading.joules == pytest.approx(80.0, rel=1e-9)
    assert (reading.status, reading.coverage, reading.source) == ("ok", 1.0, "trace")
    assert reading.uncertainty_joules == pytest.approx(2 * 0.01 * 80.0)
    assert reading.repeatability_joules == 0.0


@pytest.mark.parametrize(
    "skip,status", [((5.0, 5.05), "ok"), ((5.0, 5.45), "degraded"), ((5.0, 7.0), "invalid")]
)
def test_gaps_lower_coverage_and_status(skip, status):
    reading = window.reading(record(skip=[skip]), INFO, 0.0, 20.0)
    assert reading.status == status
    assert reading.joules == pytest.approx(160.0)
    assert (reading.coverage < 1.0) == (status != "ok")


def test_a_gap_of_more_than_five_seconds_is_never_valid():
    reading = window.reading(record(until=400.0, skip=[(100.0, 106.0)]), INFO, 0.0, 400.0)
    assert reading.coverage > 0.98 and reading.status == "invalid"
    assert "1 gap without samples, the longest 6.1 s" in reading.reason or "6 s" in reading.reason


def test_a_window_without_any_sample_is_unknown_never_zero():
    reading = window.reading(Record(0.1), INFO, 0.0, 10.0)
    assert reading.joules is None and reading.status == "invalid"
    later = window.reading(record(until=5.0), INFO, 30.0, 40.0)
    assert later.joules is None and later.status == "invalid"


def test_a_short_window_says_how_long_it_must_be():
    reading = window.reading(record(), INFO, 1.0, 2.0)
    assert reading.status == "too_short" and reading.joules == pytest.approx(8.0)
    assert "6 s" in reading.reason
    assert window.reading(record(), INFO, 1.0, 1.0).joules is None


def test_an_open_failure_degrades_within_three_periods():
    found = record(until=10.0)
    for i in (1, 2, 3):
        found.fail(10.0 + 0.1 * i, "OSError: it broke")
    reading = window.reading(found, INFO, 0.0, 10.3)
    assert reading.status == "degraded" and "it broke" in reading.reason
    healed = record(until=20.0)
    healed.failures = found.failures
    assert window.reading(healed, INFO, 0.0, 20.0).status == "ok"


def test_a_counter_is_preferred_and_power_gives_the_peak():
    found = record(power=lambda t: 50.0 + t, joules=lambda t: 100.0 * t)
    reading = window.reading(found, INFO, 2.0, 12.0)
    assert reading.source == "counter" and reading.joules == pytest.approx(1000.0)
    assert reading.peak_watts == pytest.approx(62.0, abs=0.11)


def test_a_stuck_counter_falls_back_to_power_and_says_so():
    found = record(power=lambda t: 99.0, joules=lambda t: 100.0 * min(t, 5.0))
    reading = window.reading(found, INFO, 2.0, 12.0)
    assert reading.source == "trace" and reading.joules == pytest.approx(990.0)
    assert reading.status == "degraded" and "counter" in reading.reason


def test_a_stuck_counter_alone_is_invalid_not_small():
    found = record(power=None, joules=lambda t: 100.0 * min(t, 5.0))
    reading = window.reading(found, INFO, 2.0, 12.0)
    assert reading.status == "invalid" and reading.coverage < 0.5


def test_a_reset_counter_is_filled_and_flagged():
    found = record(power=None, joules=lambda t: 100.0 * t + (500.0 if t < 6.05 else -600.0))
    reading = window.reading(found, INFO, 2.0, 12.0)
    assert reading.joules == pytest.approx(1000.0, rel=1e-6)
    assert reading.status == "degraded" and "restarted" in reading.reason


def test_rails_are_integrated_with_the_same_edges():
    found = Record(0.1)
    for i in range(200):
        rails = {"CPU": 2.0, "GPU": 0.05 * i} if i % 3 else {"CPU": 2.0}
        found.add(i * 0.1, i * 0.1, Sample(watts=9.0, rails=rails))
    reading = window.reading(found, INFO, 5.0, 15.0)
    assert reading.rails["CPU"] == pytest.approx(20.0)
    assert reading.rails["GPU"] == pytest.approx(0.5 * (15**2 - 5**2) / 2, rel=1e-6)


def test_noise_widens_the_interval_like_its_spread():
    dice = random.Random(7)
    found = record(lambda t: 8.0 + dice.gauss(0.0, 0.4))
    reading = window.reading(found, INFO, 2.0, 18.0)
    assert reading.repeatability_joules == pytest.approx(2 * 0.4 * math.sqrt(16.0 * 0.1), rel=0.15)


def test_an_estimate_is_called_one():
    reading = window.reading(record(), INFO._replace(estimate=True), 0.0, 10.0)
    assert reading.source == "estimate"


@pytest.mark.parametrize("phase", [0.0, 0.02, 0.05, 0.08, 0.099])
def test_the_age_of_a_registers_last_tick_is_no_gap(phase):
    """It is up to an update old when a window ends, and the thread looked a little later."""
    info = INFO._replace(update_s=0.1, period_s=0.025)
    found = Record(0.025)
    for i in range(400):
        t = 0.025 * i
        found.add(t, t, Sample(watts=99.0, joules=100.0 * 0.1 * int((t + phase) / 0.1)))
    end = found.rows.last_s() + 0.02
    reading = window.reading(found, info, 8.0, end)
    assert (reading.source, reading.coverage) == ("counter", 1.0)
