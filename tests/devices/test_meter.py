"""The meter: windows, edges, faults, cost."""

import time

import pytest

from edgejoule.devices import choose
from edgejoule.devices.adapters import replay
from edgejoule.devices.device import Device
from edgejoule.devices.energy import moments
from edgejoule.devices.meter import Meter
from edgejoule.devices.proof import virtual_time
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.trace import PowerTrace

POLL_S = 0.0005  # virtual time that passes while a window's last sample is waited for


class Scripted(Device):
    """A device whose reads do what a test says."""

    def __init__(self, read, **info):
        self.read = read
        self._info = DeviceInfo(
            "scripted", "scripted", "IN", "module", **dict({"period_s": 0.02}, **info)
        )

    def info(self):
        return self._info


def constant():
    return [Sample(watts=8.0)]


def test_three_lines_measure():
    """On the machine's own clock, as everybody does it."""
    with Meter(choose.open(fake_power=8.0)) as meter:
        with meter.window("epoch") as epoch:
            time.sleep(0.3)
    reading = epoch.reading
    assert reading.seconds >= 0.3
    assert reading.joules == pytest.approx(8.0 * reading.seconds, rel=1e-6)
    assert reading.source == "estimate" and meter.info.fake == "constant 8 W"


def test_windows_nest_and_overlap(clock):
    with Meter(Scripted(constant), clock=clock) as meter:
        meter.begin("a")
        clock.sleep(0.05)
        meter.begin("b")
        clock.sleep(0.05)
        first = meter.end("a")
        clock.sleep(0.05)
        second = meter.end("b")
    assert first.seconds == pytest.approx(0.1, abs=1e-9)
    assert second.seconds == pytest.approx(0.1, abs=1.1 * POLL_S)
    assert first.joules == pytest.approx(8.0 * first.seconds)
    assert second.joules == pytest.approx(8.0 * second.seconds)


def test_nested_parts_add_up_to_the_whole(clock):
    trace = PowerTrace((0.0, 0.3, 0.6, 0.9), (2.0, 10.0, 4.0, 6.0))
    device = replay.open(trace, clock=clock)
    with Meter(device, period_s=0.01, clock=clock) as meter:
        with meter.window("whole") as whole:
            with meter.window("first") as first:
                clock.sleep(0.15)
            with meter.window("second") as second:
                clock.sleep(0.15)
    between_s = whole.reading.seconds - first.reading.seconds - second.reading.seconds
    rest = whole.reading.joules - first.reading.joules - second.reading.joules
    assert 0.0 <= between_s <= 2.1 * POLL_S
    # what lies between the parts ran at 2 to 10 W
    assert -0.02 * whole.reading.joules <= rest <= 10.0 * between_s + 0.02 * whole.reading.joules


def test_names_are_checked(clock):
    with Meter(Scripted(constant), clock=clock) as meter:
        meter.begin("a")
        with pytest.raises(ValueError, match="'a' is open already"):
            meter.begin("a")
        with pytest.raises(ValueError, match="'b' is not open; open are: a"):
            meter.end("b")
    with pytest.raises(ValueError, match="the meter is not running"):
        Meter(Scripted(constant)).begin("c")
    with pytest.raises(ValueError, match="asked for -1 s"):
        Meter(Scripted(constant), period_s=-1)


def test_the_device_is_synchronised_before_each_edge(clock):
    calls = []

    def synchronise():
        clock.sleep(0.03)  # for the work that was queued
        calls.append(clock.now())

    with Meter(Scripted(constant), synchronise=synchronise, clock=clock) as meter:
        opened = meter.begin("a")
        assert calls == [opened.start_s]
        reading = meter.end("a")
    assert calls == [opened.start_s, opened.start_s + reading.seconds]


def test_edges_are_sampled_off_the_grid(clock):
    """A 40 ms window between two ticks of a 10 s grid is still interpolated, not guessed."""
    with Meter(Scripted(constant, period_s=10.0), clock=clock) as meter:
        clock.sleep(0.05)
        with meter.window("a") as opened:
            clock.sleep(0.04)
    assert opened.reading.coverage == 1.0
    assert opened.reading.joules == pytest.approx(8.0 * opened.reading.seconds)


def test_a_failing_sensor_never_raises_and_says_why(clock):
    def read():
        raise OSError(5, "Input/output error")

    with Meter(Scripted(read), clock=clock) as meter:
        with meter.window("a") as opened:
            clock.sleep(0.1)
    assert opened.reading.joules is None and opened.reading.status == "invalid"
    assert "Input/output error" in opened.reading.reason
    assert any("Input/output error" in text for text in meter.warnings())


def test_a_sensor_that_hangs_holds_nobody_up(clock):
    def read():
        if clock.now() > hang_from:
            clock.sleep(60)
        return [Sample(watts=8.0)]

    begun = clock.now()
    hang_from = begun + 0.2
    with Meter(Scripted(read), clock=clock) as meter:
        meter.begin("a")
        clock.sleep(0.4)
        before = clock.now()
        reading = meter.end("a")
        assert clock.now() - before < 0.51
    assert clock.now() - begun < 2.0
    assert reading.status == "invalid" and reading.coverage < 0.8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sampling_thread_that_dies_is_replaced_and_the_hole_is_seen(clock):
    state = {"kill": False}

    def read():
        if state["kill"]:
            state["kill"] = False
            raise SystemExit  # not an Exception: ends the thread as a killed one would
        return [Sample(watts=8.0)]

    with Meter(Scripted(read), clock=clock) as meter:
        meter.begin("a")
        clock.sleep(0.1)
        state["kill"] = True
        clock.sleep(0.3)
        reading = meter.end("a")
        after = meter.begin("b")
        clock.sleep(0.1)
        meter.end("b")
    assert reading.status == "invalid" and "thread had died" in reading.reason
    assert after.reading.coverage == 1.0


def test_a_wall_clock_step_changes_nothing(clock):
    with Meter(Scripted(constant), clock=clock) as meter:
        meter.begin("a")
        clock.set_wall(0.0)
        clock.sleep(0.1)
        reading = meter.end("a")
    assert reading.coverage == 1.0 and reading.joules == pytest.approx(8.0 * reading.seconds)


def test_nothing_measured_is_none_with_the_reason(clock):
    with Meter("none", clock=clock) as meter:
        with meter.window("a") as opened:
            clock.sleep(0.01)
        assert meter.trace().times_s == ()
    assert opened.reading.joules is None and opened.reading.status == "none"
    assert opened.reading.reason == "none was asked for"
    assert meter.warnings() == ["no power is measured: none was asked for"]


def test_the_trace_holds_the_same_joules(clock):
    trace = PowerTrace((0.0, 0.2, 0.5), (2.0, 10.0, 4.0))
    with Meter(replay.open(trace, clock=clock), period_s=0.01, clock=clock) as meter:
        opened = meter.begin("a")
        clock.sleep(0.3)
        reading = meter.end("a")
        end_s = opened.start_s + reading.seconds
        saved = PowerTrace.from_json(meter.trace().to_json())
    assert saved.joules(opened.start_s, end_s) == pytest.approx(reading.raw_joules, rel=1e-4)


@pytest.mark.parametrize("more", [{"sensing": "average"}, {"update_s": 0.25}])
def test_the_thread_samples_at_the_moments_that_the_proof_assumes(clock, more):
    device = Scripted(constant, period_s=0.1, **more)
    with Meter(device, clock=clock) as meter:
        begun_s = clock.now() - POLL_S  # it began to sample while the meter waited for the first
        clock.sleep(0.97 - POLL_S)
        with meter.window() as opened:
            clock.sleep(2.35)
        record = meter.samplers[0].record
        times = list(record.rows.slice(0, len(record)).times_s)
    plan = moments.plan(device.info(), 0.1)
    end_s = opened.start_s + opened.reading.seconds
    assumed = [s.at_s for s in virtual_time.looks(plan, opened.start_s, end_s, begun_s)]
    assert times == pytest.approx(assumed, abs=1.1 * virtual_time.EDGE_S)


def test_a_snapshot_sensor_is_looked_at_once_in_every_stratum_from_the_edge_on(clock):
    with Meter(Scripted(constant, period_s=0.1), clock=clock) as meter:
        clock.sleep(0.33)
        with meter.window() as opened:
            clock.sleep(2.35)
        record = meter.samplers[0].record
        rows = record.rows.slice(0, len(record))
    inside = [
        (time_s, start_s)
        for time_s, start_s in zip(rows.times_s, rows.starts_s)
        if opened.start_s < start_s < opened.start_s + 2.3
    ]
    assert len(inside) == 22
    for number, (time_s, start_s) in enumerate(inside):
        assert start_s == pytest.approx(opened.start_s + 0.1 * (number + 1), abs=1e-6)
        assert start_s <= time_s < start_s + 0.1 + 1e-9
    assert opened.reading.joules == pytest.approx(8.0 * opened.reading.seconds)


def test_a_period_that_is_missed_is_skipped_not_made_up_for(clock):
    reads = []

    def read():
        reads.append(clock.now())
        if len(reads) == 5:
            clock.sleep(0.2)
        return [Sample(watts=8.0)]

    with Meter(Scripted(read), clock=clock):
        clock.sleep(0.5)
    strays = len(reads) // 10
    assert 14 <= len(reads) - strays <= 17  # 25 periods, 10 of them missed


def test_measuring_reports_its_own_cost(clock):
    with Meter(Scripted(constant), clock=clock) as meter:
        clock.sleep(0.3)
        cost = meter.cost()["scripted"]
    assert 15 <= cost["reads"] <= 17 and cost["seconds"] == pytest.approx(0.3, abs=1.1 * POLL_S)
    assert cost["core_share"] >= 0.0 and cost["period_s"] == 0.02


def test_the_threads_share_of_a_core_is_its_processor_time():
    """On the machine's own clock: a share of time, so a busy machine cannot make it more."""
    with Meter(Scripted(constant)) as meter:
        time.sleep(0.3)
        cost = meter.cost()["scripted"]
    assert 0.0 <= cost["core_share"] < 0.2
