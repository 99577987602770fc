"""Loads that beat with the sampling are noticed; noise and training are not mistaken for them."""

import random

import pytest

from edgejoule.devices.adapters import replay
from edgejoule.devices.energy import aliasing, integrate, window
from edgejoule.devices.meter import Meter
from edgejoule.devices.proof import synthetic, virtual_time
from edgejoule.devices.reading import Sample
from edgejoule.devices.trace import PowerTrace

INFO = virtual_time.info(period_s=0.1)
TOGGLING = PowerTrace((0.0, 0.04, 0.04, 0.08), (12.0, 12.0, 4.0, 4.0))


def found(pattern, seconds=20.0, strays=()):
    record = virtual_time.record(virtual_time.power(pattern), 3.0, 3.0 + seconds, INFO, 0.03)
    for t in strays:
        record.stray(t, t, Sample(watts=pattern.watts(t)))
    return window.reading(record, INFO, 3.0, 3.0 + seconds)


def test_a_load_at_half_the_rate_is_seen_by_even_and_odd():
    reading = found(synthetic.square(hertz=5.0))
    assert "even and odd samples differ" in reading.beat
    assert reading.uncertainty_joules > 0.4 * reading.joules


def test_a_load_at_the_rate_is_seen_by_random_moments():
    dice = random.Random(5)
    strays = sorted(3.0 + 20.0 * dice.random() for _ in range(20))
    square = synthetic.square(hertz=10.0)
    reading = found(square, strays=strays)
    assert "random moments differ" in reading.beat
    assert abs(reading.joules - 160.0) <= reading.uncertainty_joules
    assert found(square).beat is None  # the regular grid alone cannot know


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_beat(seed):
    dice = random.Random(seed)
    times = [0.1 * i for i in range(200)]
    watts = [8.0 + dice.gauss(0.0, 1.0) for _ in times]
    strays = [(t + 0.05, 8.0 + dice.gauss(0.0, 1.0)) for t in times[5:-5:10]]
    area = integrate.area(times, watts, 1.0, 19.0, 0.3)
    assert aliasing.find(times, watts, strays, 1.0, 19.0, area) is None


def test_training_is_no_beat():
    assert found(synthetic.training()).beat is None


def test_the_rate_is_doubled_and_the_reader_told(clock, monkeypatch):
    """A load of 12.5 Hz watched at 25 Hz."""
    monkeypatch.setattr(replay, "PERIOD_S", 0.04)
    with Meter(replay.open(TOGGLING, clock=clock), clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(1.05)
        assert opened.reading.beat and "differ" in opened.reading.reason
        assert meter.cost()["replay"]["period_s"] == pytest.approx(0.02)
        assert any("sampled every 0.02 s since" in text for text in meter.warnings())


def test_a_rate_the_user_chose_is_kept(clock):
    with Meter(replay.open(TOGGLING, clock=clock), period_s=0.04, clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(1.05)
        assert opened.reading.beat
        assert meter.cost()["replay"]["period_s"] == 0.04
