"""The promises of meter-bench, in a quick form, and the traces they stand on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgejoule.devices.commands import meter_bench
from edgejoule.devices.proof import (
    accuracy,
    counter_wrap,
    coverage,
    other_tools,
    overhead,
    synthetic,
    virtual_time,
    zeus,
)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    "pattern", [synthetic.constant(), synthetic.square(), synthetic.training()]
)
def test_a_patterns_joules_are_the_integral_of_its_watts(pattern):
    step, start = 1e-4, 0.123
    total = sum(pattern.watts(start + (i + 0.5) * step) * step for i in range(50000))
    assert pattern.joules(start + 5.0) - pattern.joules(start) == pytest.approx(total, rel=1e-4)


def test_a_trailing_sensor_keeps_the_mean_and_follows_its_equation():
    pattern = synthetic.training()
    sensor = synthetic.Trailing(pattern, 0.42, 1e-9)
    mean = pattern.cycle_joules / pattern.period_s
    seen = [sensor.watts(i * pattern.period_s / 20000) for i in range(20000)]
    assert sum(seen) / len(seen) == pytest.approx(mean, rel=1e-4)
    t, step = 1.2345, 1e-5
    slope = (sensor.watts(t + step) - sensor.watts(t)) / step
    assert slope == pytest.approx((pattern.watts(t) - sensor.watts(t)) / 0.42, rel=1e-3)


def test_a_register_is_old_by_less_than_an_update():
    register = synthetic.Register(synthetic.constant(10.0), 0.1, 0.03)
    for t in (5.0, 5.031, 5.129):
        age = t - register.joules(t) / 10.0
        assert -1e-9 <= age < 0.1


def test_virtual_samples_include_both_edges():
    times = virtual_time.moments(5.0, 7.35, virtual_time.info(period_s=0.1), 0.02)
    assert min(abs(t - 5.0) for t in times) <= 0.0002 + 1e-9
    assert times[-1] >= 7.35 and times == sorted(times)
    assert len(times) == len(set(times))


@pytest.mark.parametrize("row", accuracy.ROWS, ids=lambda r: "{}-{}-{:g}s".format(*r[:3]))
def test_every_promise_holds_and_no_other_tool_is_nearer(row):
    found = accuracy.judged(row, 25 if row.seconds < 20 else 8)
    assert found["holds"], found
    assert found["nearer_than_all"], found


def test_a_promise_that_is_broken_is_seen():
    row = accuracy.Row("training", "power", 10.0, 1e-6)
    assert not accuracy.judged(row, 5)["holds"]


def test_the_interval_holds_the_truth_as_often_as_it_says():
    assert 0.93 <= coverage.coverage(1500) <= 0.97
    assert 0.93 <= coverage.coverage(800, gain=0.0) <= 0.97
    assert 0.93 <= coverage.coverage(800, gain=0.0, lag_s=0.4) <= 0.98


def test_an_interval_that_is_too_narrow_is_seen():
    """Noise that a sensor does not show between neighbours cannot be in its interval."""
    assert coverage.coverage(200, noise_watts=0.0) >= 0.9  # gain alone
    assert coverage.coverage(200, gain=0.0, noise_watts=0.0) == 1.0


def test_the_samplers_cost_is_measured():
    found = overhead.core_share(50.0, 1.0)
    assert 40 <= found["reads"] <= 60 and 0 < found["core_share"] < 0.2


def test_naive_rules_are_what_they_are_said_to_be():
    constant = synthetic.constant(10.0)
    assert other_tools.mean_power(constant, 0.0, 7.3, 0.5) == pytest.approx(73.0)
    assert other_tools.reading_times_dt(constant, 0.0, 7.3, 0.5) == pytest.approx(60.0)


@pytest.mark.skipif(not zeus.installed(), reason="zeus not installed")
def test_zeus_is_run_as_it_is():
    constant = synthetic.constant(8.0)
    assert zeus.polling(constant, 100.0, 110.0, 0.0) == 0.0  # its own fault at constant power
    assert zeus.jetson(constant, 100.0, 110.0, 0.0) == pytest.approx(80.0, rel=0.02)


def test_a_wrap_is_exact():
    assert counter_wrap.joules_off()["ours"] == pytest.approx(0.0, abs=1e-9)


def test_the_command_prints_every_figure():
    out = subprocess.run(
        [
            sys.executable,
            str(ROOT / "edgejoule.py"),
            "meter-bench",
            "--trials",
            "4",
            "--seconds",
            "0.5",
            "--json",
        ],
        stdout=subprocess.PIPE,
    ).stdout
    found = json.loads(out.decode())
    assert len(found["rows"]) == len(accuracy.ROWS)
    assert found["zeus"] == (zeus.version() if zeus.installed() else "zeus not installed")
    assert {"interval_coverage", "sampler", "rapl_wrap_joules_off", "holds"} <= set(found)
    assert "promise" in meter_bench.text(found)
