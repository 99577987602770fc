"""`edgejoule calibrate`, end to end: an emulated board whose sensor is off, and a meter's lines."""

import io
import json
import socket
from argparse import ArgumentParser
from functools import partial

import pytest
from rigs import board_rig, hidden_truth

from edgejoule.devices import choose, health, survey
from edgejoule.devices.adapters import external, ina3221
from edgejoule.devices.calibration import fit, recording, staircase, store
from edgejoule.devices.commands import calibrate
from edgejoule.devices.commands import devices as devices_command
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample


@pytest.fixture
def bench(tmp_path, clock, monkeypatch):
    """A TX2's board, a meter that writes a file, and a load that both see; nothing is stored."""
    monkeypatch.setenv("EDGEJOULE_SENSORS", str(tmp_path / "sensors"))
    root = board_rig.build(tmp_path, "tx2")
    monkeypatch.setattr(ina3221, "open", partial(ina3221.open, root=str(root)))
    truth = hidden_truth.Truth(clock)
    monkeypatch.setattr(staircase, "climb", truth.climb)
    truth.drive(root)
    path = tmp_path / "meter.csv"
    path.write_text("time_s,watts\n")
    with io.open(str(path), "a", buffering=1) as file:
        truth.write(file)
        truth.path, truth.root = str(path), root
        yield truth


def call(bench, *words):
    """The exit code of a command line, in virtual time."""
    parser = ArgumentParser()
    calibrate.arguments(parser)
    named = ["--power", "ina3221", "--against", "external:" + bench.path]
    return calibrate.run(parser.parse_args(named + list(words)), bench.clock)


def opened(bench):
    return choose.open("ina3221", clock=bench.clock)


class Port:
    """A meter's socket on this machine, as a file that lines are written to."""

    def __init__(self):
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(1)
        self.server.setblocking(False)
        self.name = "tcp:127.0.0.1:{}".format(self.server.getsockname()[1])
        self.connection = None

    def write(self, line):
        """Send the line to whoever has connected."""
        if self.connection is None:
            try:
                self.connection = self.server.accept()[0]
            except BlockingIOError:
                return
            # the kernel holds small packets back for real time, in which virtual seconds pass
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.send(line.encode())

    def close(self):
        self.connection.close()
        self.server.close()


def test_hidden_gain_offset_and_lag_are_found(bench, capsys):
    assert call(bench, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    facts = found["facts"]
    assert facts["gain"]["value"] == pytest.approx(hidden_truth.GAIN, rel=0.005)
    assert facts["offset_watts"]["value"] == pytest.approx(hidden_truth.OFFSET_W, abs=0.05)
    assert facts["lag_s"]["value"] == pytest.approx(hidden_truth.LAG_S, rel=0.1)
    for name, truth in (("gain", 1.07), ("offset_watts", -0.4), ("lag_s", 0.42)):
        half = (facts[name]["high"] - facts[name]["low"]) / 2
        assert abs(facts[name]["value"] - truth) < 2 * half, name  # one in 20 is off by its half
    assert found["fit"]["plateaus"] == 24 and found["plan"]["seconds"] < 180
    assert facts["range_watts"] == pytest.approx([3.0, 14.0], abs=0.05)
    assert found["stored"] and store.load(opened(bench).info())["gain"]["by"] == "calibrate"


def test_a_meter_on_the_network_that_writes_bare_watts(bench, capsys):
    port = Port()
    bench.write(port, line="{1:.4f}\n")
    bench.path = port.name
    assert call(bench, "--rounds", "2", "--json") == 0
    facts = json.loads(capsys.readouterr().out)["facts"]
    port.close()
    assert facts["against"] == "external:" + port.name
    assert facts["gain"]["value"] == pytest.approx(hidden_truth.GAIN, rel=0.005)
    assert facts["offset_watts"]["value"] == pytest.approx(hidden_truth.OFFSET_W, abs=0.05)
    assert facts["lag_s"]["value"] == pytest.approx(hidden_truth.LAG_S, rel=0.1)


class Counter(Device):
    """A GPU's register of joules, new ten times a second, with the gain and offset of the truth."""

    def __init__(self, truth):
        self.truth, self.begun_s, self.tick_s, self.shown = truth, truth.clock.now(), 0.0, 0.0

    def info(self):
        return DeviceInfo("gpu", "GPU", "counter", "gpu", period_s=0.025, update_s=0.1)

    def read(self):
        now, truth = self.truth.clock.now(), self.truth
        if now - self.tick_s >= 0.1:
            truth.move(now)
            self.tick_s = now
            self.shown = truth.gain * truth.joules + truth.offset * (now - self.begun_s)
        return [Sample(joules=self.shown)]


def test_a_counter_of_joules_is_calibrated_like_a_power(bench):
    meter, counter = external.open(bench.path, clock=bench.clock), Counter(bench)
    planned = recording.plan(meter.info(), counter.info(), None, 2)
    recorded = recording.both(meter, counter, planned, bench.clock)
    meter.close()
    found = fit.compare(recorded.reference, recorded.sensor, recorded.steps, recorded.end_s)
    assert found.gain.value == pytest.approx(hidden_truth.GAIN, rel=0.005)
    assert found.offset_watts.value == pytest.approx(hidden_truth.OFFSET_W, abs=0.05)
    assert found.lag_s.value == pytest.approx(0.0, abs=0.03)


def test_what_is_measured_afterwards_is_the_truth(bench, capsys):
    call(bench, "--rounds", "2")
    told = capsys.readouterr()
    assert "gain    1.0" in told.out and "stored in" in told.out
    assert "2 rounds of 6 levels of 6 s each" in told.err and "round 2 of 2" in told.err
    device = opened(bench)
    with Meter(device, clock=bench.clock) as meter:
        bench.clock.sleep(3.0)
        with meter.window() as window:
            bench.load(1.0)
            bench.clock.sleep(8.0)
    device.close()
    reading, info = window.reading, meter.info
    assert reading.joules / reading.seconds == pytest.approx(14.0, rel=0.006)
    assert abs(reading.joules - 14.0 * reading.seconds) < reading.uncertainty_joules
    assert info.lag_s == pytest.approx(0.42, rel=0.1) and info.gain == pytest.approx(0.01, rel=0.05)
    assert info.calibration.startswith("gain 1.070 (1.0") and "14 W" in info.calibration
    assert "against external:" + bench.path in info.calibration
    assert info.calibration in health.sensor(info).found
    account = survey.account("ina3221", opened(bench))
    assert devices_command.text(account, True).count("calibrated: gain 1.070") == 1


def test_the_plan_loads_nothing(bench, capsys):
    begun = bench.clock.now()
    assert call(bench, "--dry-run", "--hold", "9", "--rounds", "2") == 0
    assert "2 rounds of 6 levels of 9 s each, 1 min 52 s in all" in capsys.readouterr().out
    assert bench.clock.now() - begun < 1.0 and store.listed() == []


def test_a_load_that_moves_nothing_is_not_good_enough(bench, capsys):
    bench.full = hidden_truth.IDLE_W + 0.2
    assert call(bench, "--rounds", "2") == 1
    told = capsys.readouterr()
    assert "cannot be told apart" in told.err and "nothing was stored" in told.err
    assert not told.out and store.listed() == []


def test_a_meter_by_a_clock_of_its_own_is_refused(bench, capsys, monkeypatch, tmp_path):
    path = tmp_path / "early.csv"
    path.write_text("")
    with io.open(str(path), "a", buffering=1) as file:
        bench.write(file, late_s=bench.clock.wall() - bench.clock.now() + 1.5)
        bench.path = str(path)
        assert call(bench, "--rounds", "2", "--json") == 1
    told = capsys.readouterr()
    assert "external is 1.5 s behind the load: its clock" in told.err
    assert json.loads(told.out)["stored"] is None and store.listed() == []


def test_ctrl_c_stores_nothing(bench, capsys, monkeypatch):
    def stopped(**_):
        bench.clock.sleep(5.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(staircase, "climb", stopped)
    assert call(bench) == 130
    assert "stopped; nothing was stored" in capsys.readouterr().err and store.listed() == []


def test_ctrl_c_while_it_is_written_leaves_no_half_file(bench, capsys, monkeypatch, tmp_path):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.os, "replace", stopped)
    assert call(bench, "--rounds", "2") == 130
    assert list((tmp_path / "sensors").iterdir()) == []


def test_no_sensor_and_no_meter_are_exit_code_3(bench, capsys):
    bench.path = "/nowhere/at/all"
    assert call(bench) == 3
    assert "cannot open /nowhere" in capsys.readouterr().err
    assert call(bench, "--against", "ina3221", "--power", "none") == 3
    assert "calibrate: no sensor: none was asked for" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_before_minutes_are_spent(bench, monkeypatch):
    begun = bench.clock.now()
    monkeypatch.setenv("EDGEJOULE_SENSORS", bench.path)
    with pytest.raises(ValueError, match="nothing can be stored in .*EDGEJOULE_SENSORS"):
        call(bench)
    assert bench.clock.now() - begun < 1.0


@pytest.mark.parametrize(
    "words,said",
    [
        (["--hold", "0.5"], "must be 1 or more"),
        (["--rounds", "0"], "must be 1 or more"),
        (["--meter-percent", "-1"], "must be 0 or more"),
        (["--against", ""], "asked for no meter"),
        (["--against", "nvlm"], "Did you mean 'nvml'"),
        (["--power", "replay:5"], "not real"),
        (["--power", "ina3221//ina3221"], "several sensors"),
        (["--forget", "x"], "stored are: none"),
    ],
)
def test_what_cannot_be_meant(bench, words, said):
    with pytest.raises(ValueError, match=said):
        call(bench, *words)


def test_what_is_stored_is_shown_and_forgotten(bench, capsys):
    call(bench, "--rounds", "2", "--meter-percent", "0.1")
    capsys.readouterr()
    assert call(bench, "--show") == 0
    told = capsys.readouterr().out
    assert "NVIDIA Jetson TX2: VDD_IN" in told and "gain 1.070" in told
    assert call(bench, "--show", "--json") == 0
    [entry] = json.loads(capsys.readouterr().out)["calibrations"]
    assert entry["facts"]["against_gain"] == 0.001
    assert call(bench, "--forget", told.split()[0]) == 0 and store.listed() == []
    call(bench, "--show")
    assert "nothing is stored" in capsys.readouterr().out
    assert opened(bench).info().calibration is None


def test_slow_devices_get_longer_levels(bench):
    info = opened(bench).info()
    slow = info._replace(period_s=1.0)
    assert recording.plan(slow, info, None, 1).hold_s == 20.0
    assert recording.plan(info, info._replace(lag_s=1.0), None, 1).hold_s == 14.0
    assert recording.plan(info, info, 3.0, 1).hold_s == 3.0


def test_progress_is_drawn_over_on_a_terminal(bench, capsys, monkeypatch):
    monkeypatch.setattr(calibrate.sys.stderr, "isatty", lambda: True, raising=False)
    assert call(bench, "--rounds", "2") == 0
    assert "round 2 of 2, 4 s left" in capsys.readouterr().err
