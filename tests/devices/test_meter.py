"""The meter in real time: windows, edges, faults, cost."""

import time

import pytest

from edgejoule.devices import choose
from edgejoule.devices.adapters import replay
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.trace import PowerTrace


class Scripted:
    """A device whose reads do what a test says."""

    def __init__(self, read, **info):
        self.read = read
        self._info = DeviceInfo(
            "scripted", "scripted", "IN", "module", **dict({"period_s": 0.02}, **info)
        )

    def info(self):
        return self._info

    def notes(self):
        return []

    def close(self):
        self.closed = True


def constant():
    return Sample(watts=8.0)


def test_three_lines_measure():
    with Meter(choose.open(fake_power=8.0)) as meter:
        with meter.window("epoch") as epoch:
            time.sleep(0.3)
    reading = epoch.reading
    assert reading.joules == pytest.approx(8.0 * reading.seconds, rel=1e-6)
    assert reading.source == "estimate" and meter.info.fake == "constant 8 W"


def test_windows_nest_and_overlap():
    with Meter(Scripted(constant)) as meter:
        meter.begin("a")
        time.sleep(0.05)
        meter.begin("b")
        time.sleep(0.05)
        first = meter.end("a")
        time.sleep(0.05)
        second = meter.end("b")
    assert first.seconds == pytest.approx(0.1, abs=0.04)
    assert second.seconds == pytest.approx(0.1, abs=0.04)
    assert first.joules == pytest.approx(8.0 * first.seconds)


def test_nested_parts_add_up_to_the_whole():
    trace = PowerTrace((0.0, 0.3, 0.6, 0.9), (2.0, 10.0, 4.0, 6.0))
    with Meter(replay.open(trace), period_s=0.01) as meter:
        with meter.window("whole") as whole:
            with meter.window("first") as first:
                time.sleep(0.15)
            with meter.window("second") as second:
                time.sleep(0.15)
    between_s = whole.reading.seconds - first.reading.seconds - second.reading.seconds
    rest = whole.reading.joules - first.reading.joules - second.reading.joules
    # what lies between the parts ran at 2 to 10 W; a busy machine may stretch it
    assert -0.02 * whole.reading.joules <= rest <= 10.0 * between_s + 0.02 * whole.reading.joules


def test_names_are_checked():
    with Meter(Scripted(constant)) as meter:
        meter.begin("a")
        with pytest.raises(ValueError, match="'a' is open already"):
            meter.begin("a")
        with pytest.raises(ValueError, match="'b' is not open; open are: a"):
            meter.end("b")
    with pytest.raises(ValueError, match="the meter is not running"):
        Meter(Scripted(constant)).begin("c")
    with pytest.raises(ValueError, match="asked for -1 s"):
        Meter(Scripted(constant), period_s=-1)


def test_the_device_is_synchronised_before_each_edge():
    calls = []
    with Meter(Scripted(constant), synchronise=lambda: calls.append(time.monotonic())) as meter:
        opened = meter.begin("a")
        assert len(calls) == 1 and calls[0] <= opened.start_s
        meter.end("a")
    assert len(calls) == 2


def test_edges_are_sampled_off_the_grid():
    """A 40 ms window between two ticks of a 10 s grid is still interpolated, not guessed."""
    with Meter(Scripted(constant, period_s=10.0)) as meter:
        time.sleep(0.05)
        with meter.window("a") as opened:
            time.sleep(0.04)
    assert opened.reading.coverage == 1.0
    assert opened.reading.joules == pytest.approx(8.0 * opened.reading.seconds)


def test_a_failing_sensor_never_raises_and_says_why():
    def read():
        raise OSError(5, "Input/output error")

    with Meter(Scripted(read)) as meter:
        with meter.window("a") as opened:
            time.sleep(0.1)
    assert opened.reading.joules is None and opened.reading.status == "invalid"
    assert "Input/output error" in opened.reading.reason
    assert any("Input/output error" in text for text in meter.warnings())


def test_a_sensor_that_hangs_holds_nobody_up():
    def read():
        if time.monotonic() > hang_from:
            time.sleep(60)
        return Sample(watts=8.0)

    hang_from = time.monotonic() + 0.2
    begun = time.monotonic()
    with Meter(Scripted(read)) as meter:
        meter.begin("a")
        time.sleep(0.4)
        before = time.monotonic()
        reading = meter.end("a")
        assert time.monotonic() - before < 1.0
    assert time.monotonic() - begun < 2.5
    assert reading.status == "invalid" and reading.coverage < 0.8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sampling_thread_that_dies_is_replaced_and_the_hole_is_seen():
    state = {"kill": False}

    def read():
        if state["kill"]:
            state["kill"] = False
            raise SystemExit  # not an Exception: ends the thread as a killed one would
        return Sample(watts=8.0)

    with Meter(Scripted(read)) as meter:
        meter.begin("a")
        time.sleep(0.1)
        state["kill"] = True
        time.sleep(0.3)
        reading = meter.end("a")
        after = meter.begin("b")
        time.sleep(0.1)
        meter.end("b")
    assert reading.status == "invalid" and "thread had died" in reading.reason
    assert after.reading.coverage == 1.0


def test_a_wall_clock_step_changes_nothing(monkeypatch):
    with Meter(Scripted(constant)) as meter:
        meter.begin("a")
        monkeypatch.setattr(time, "time", lambda: 0.0)
        time.sleep(0.1)
        reading = meter.end("a")
    assert reading.coverage == 1.0 and reading.joules == pytest.approx(8.0 * reading.seconds)


def test_nothing_measured_is_none_with_the_reason():
    with Meter("none") as meter:
        with meter.window("a") as opened:
            time.sleep(0.01)
        assert meter.trace().times_s == ()
    assert opened.reading.joules is None and opened.reading.status == "none"
    assert opened.reading.reason == "none was asked for"
    assert meter.warnings() == ["no power is measured: none was asked for"]


def test_the_trace_holds_the_same_joules():
    trace = PowerTrace((0.0, 0.2, 0.5), (2.0, 10.0, 4.0))
    with Meter(replay.open(trace), period_s=0.01) as meter:
        opened = meter.begin("a")
        time.sleep(0.3)
        reading = meter.end("a")
        end_s = opened.start_s + reading.seconds
        saved = PowerTrace.from_json(meter.trace().to_json())
    assert saved.joules(opened.start_s, end_s) == pytest.approx(reading.raw_joules, rel=1e-4)


def test_a_period_that_is_missed_is_skipped_not_made_up_for():
    reads = []

    def read():
        reads.append(time.monotonic())
        if len(reads) == 5:
            time.sleep(0.2)
        return Sample(watts=8.0)

    with Meter(Scripted(read)):
        time.sleep(0.5)
    assert len(reads) < 22


def test_measuring_reports_its_own_cost():
    with Meter(Scripted(constant)) as meter:
        time.sleep(0.3)
        cost = meter.cost()["scripted"]
    assert 10 < cost["reads"] < 25 and 0.0 <= cost["core_share"] < 0.2
