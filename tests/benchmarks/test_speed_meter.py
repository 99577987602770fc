"""The meter: the joules of a long window, and of an epoch in a long run."""

import numpy as np
import pytest

from edgejoule.devices.energy import window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import DeviceInfo, Sample

PERIOD_S, SAMPLES = 0.1, 36000  # an hour at 10 Hz
INFO = DeviceInfo("virtual", "virtual", "IN", "module", period_s=PERIOD_S)
# By the way of sensing, how far joules may be from NumPy's trapezoids: a sensor that averages is
# read like them, a snapshot stands for its own stretch of time, which matters at the edges alone.
APART = {"average": 1e-6, "instant": 2e-3}


@pytest.fixture(scope="module")
def hour():
    """(an hour of samples, its moments [n] s and its power [n] W)."""
    record, watts = Record(PERIOD_S), 8.0 + np.arange(SAMPLES) % 7
    for i, power in enumerate(watts):
        record.add(i * PERIOD_S, i * PERIOD_S, Sample(watts=float(power)))
    return record, np.arange(SAMPLES) * PERIOD_S, watts


def integral(times, watts, start_s, end_s):
    """Joules by NumPy, without error bar, coverage or status."""
    inside = (times > start_s) & (times < end_s)
    t = np.concatenate(([start_s], times[inside], [end_s]))
    w = np.interp(t, times, watts)
    return float(np.sum(np.diff(t) * (w[1:] + w[:-1])) / 2)


@pytest.mark.parametrize(
    "start_s,end_s,calls", [(10.05, 3590.05, 8), (1800.05, 1830.05, 800)], ids=["hour", "epoch"]
)
@pytest.mark.parametrize("sensing", sorted(APART))
def test_reading(against, hour, start_s, end_s, calls, sensing):
    record, times, watts = hour
    info = INFO._replace(sensing=sensing)
    found = against(
        lambda: window.reading(record, info, start_s, end_s),
        lambda: integral(times, watts, start_s, end_s),
        "NumPy's bare sum",
        calls,
    )
    expected = integral(times, watts, start_s, end_s)
    assert found.joules == pytest.approx(expected, rel=APART[sensing])
