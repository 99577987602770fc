"""Gross, idle and net joules."""

import pytest

from edgejoule.devices import idle
from edgejoule.devices.adapters import replay
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading
from edgejoule.devices.trace import PowerTrace

REST = idle.Baseline(5.0, 0.01, 30.0)


def reading(joules=100.0, **more):
    return Reading(10.0, joules, **dict({"status": "ok", "repeatability_joules": 1.0}, **more))


def test_the_shares_add_up():
    split = idle.shares(reading(), REST)
    assert (split.gross, split.idle, split.net) == (100.0, 50.0, 50.0)
    assert split.uncertainty_joules == pytest.approx(2 * (0.5**2 + 0.1**2) ** 0.5)


def test_the_sensors_scale_counts_by_the_share_and_its_zero_cancels():
    info = DeviceInfo("x", "y", gain=0.01, offset_watts=0.02)
    split = idle.shares(reading(), REST, info)
    assert split.uncertainty_joules == pytest.approx(2 * (0.5**2 + 0.1**2 + 0.5**2) ** 0.5)
    assert split.idle_uncertainty_joules == pytest.approx(2 * (0.1**2 + 0.5**2 + 0.2**2) ** 0.5)
    assert idle.shares(reading(), REST).idle_uncertainty_joules == pytest.approx(0.2)


def test_what_nobody_knows_of_watts_given_by_hand_is_none():
    given = reading(repeatability_joules=None)
    rest = idle.baseline(given)
    assert (rest.watts, rest.uncertainty_watts) == (10.0, None)
    split = idle.shares(given, rest)
    assert split.net == 0.0
    assert (split.uncertainty_joules, split.idle_uncertainty_joules) == (None, None)


def test_what_is_unknown_has_no_shares():
    assert idle.shares(reading(joules=None), REST) is None
    assert idle.shares(reading(), None) is None
    assert idle.baseline(reading(joules=None)) is None
    assert idle.baseline(reading(status="invalid")) is None


def test_drift_is_a_sentence():
    assert idle.drift(REST, REST._replace(watts=5.05)) is None
    assert "+4.0%" in idle.drift(REST, REST._replace(watts=5.2))


def test_a_meter_measures_rest_and_what_is_above_it(clock):
    trace = PowerTrace((0.0, 1.0, 1.0, 60.0), (5.0, 5.0, 9.0, 9.0))
    with Meter(replay.open(trace, clock=clock), period_s=0.01, clock=clock) as meter:
        rest = meter.idle(0.3)
        clock.sleep(0.8)
        with meter.window() as opened:
            clock.sleep(0.3)
    split = idle.shares(opened.reading, rest)
    assert rest.seconds == pytest.approx(0.3) and rest.watts == pytest.approx(5.0)
    assert split.net == pytest.approx(4.0 * opened.reading.seconds)


def test_short_work_is_repeated_until_it_is_long_enough(clock, monkeypatch):
    with Meter(replay.open(8.0), period_s=0.01, clock=clock) as meter:
        monkeypatch.setattr(meter, "minimum_seconds", lambda: 0.2)
        found, times = meter.repeat(lambda: clock.sleep(0.03))
    assert times == 7 and found.seconds == pytest.approx(0.21)
    assert found.joules / times == pytest.approx(8.0 * found.seconds / times)


def test_epochs_are_numbered(clock):
    with Meter(replay.open(8.0), clock=clock) as meter:
        with meter.epoch() as first:
            pass
        with meter.epoch() as second:
            pass
    assert (first.name, second.name) == ("epoch 0", "epoch 1")
