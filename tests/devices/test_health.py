"""The doctor's checks: verdict, sentence, the command that mends."""

import json
import random
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
from rigs import board_rig
from rigs.blind_sensor import Machine, Sensor

from edgejoule.devices import health, probe
from edgejoule.devices.adapters import ina3221, none, replay
from edgejoule.devices.calibration import experiment, staircase, store
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.commands import doctor
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.trace import PowerTrace

ROOT = Path(__file__).resolve().parent.parent.parent
CALM = {
    "celsius": {"CPU": 40.0},
    "throttling": None,
    "power_mode": "MAXN",
    "swap": None,
    "load_average": 0.0,
}


def command(*words):
    done = subprocess.run(
        [sys.executable, str(ROOT / "edgejoule.py")] + list(words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=str(ROOT),
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_calm_machine_is_fit():
    info = DeviceInfo("nvml", "GPU", "counter", "gpu", period_s=0.1)
    checks = health.quick(info, CALM, [])
    assert [c.verdict for c in checks if c.name not in ("clocks", "NVML binding")] == ["ok"] * 6


@pytest.mark.parametrize(
    "check,verdict,text",
    [
        (health.sensor(none.open("no rail").info()), "refuse", "no rail"),
        (health.sensor(replay.open(5).info()), "warn", "constant 5 W"),
        (health.throttling(dict(CALM, throttling="cooling: gpu at 2"), []), "warn", "gpu at 2"),
        (health.throttling(CALM, ["nvml: the GPU was slowed by: power brake"]), "warn", "brake"),
        (health.strangers(["nvml: other processes used the GPU (pid 7)"]), "refuse", "pid 7"),
        (health.load(dict(CALM, load_average=99.0)), "warn", "99.0"),
        (health.swap(dict(CALM, swap={"used_bytes": 5e6})), "warn", "5 MB"),
        (health.heat(CALM, dict(CALM, celsius={"CPU": 45.0})), "warn", "+5.0 C"),
        (health.heat(CALM, CALM), "ok", "40.0 C"),
        (health.idle(5.0, 5.2), "warn", "4.0 %"),
        (health.idle(5.0, 5.01), "ok", "5.01 W"),
        (health.idle(None, 5.0), "warn", "not measured"),
    ],
)
def test_a_finding_has_a_verdict(check, verdict, text):
    assert check.verdict == verdict and text in check.found
    assert check.mend or check.verdict == "ok" or check.name in ("idle power", "temperature")


def test_the_governor_decides_whether_clocks_wander(tmp_path):
    assert health.governor(str(tmp_path)).verdict == "ok"
    board_rig.put(tmp_path / "sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "schedutil")
    assert "cpupower" in health.governor(str(tmp_path)).mend
    board_rig.put(tmp_path / "etc/nv_tegra_release", "# R32")
    assert health.governor(str(tmp_path)).mend == "sudo jetson_clocks"


READ_S = 0.0001


def test_a_burst_finds_the_update_period(clock):
    class Register(Device):
        def read(self):
            clock.sleep(READ_S)
            return [Sample(watts=float(int(clock.now() / 0.02)))]

    found = probe.burst(Register(), 0.3, clock)
    assert found.update_s == pytest.approx(0.02, abs=1.1 * READ_S)
    assert found.read_s == found.slowest_s == pytest.approx(READ_S)
    assert found.failed == 0 and found.distinct in (15, 16) and found.reads in (3000, 3001)


def test_a_burst_counts_what_failed_and_takes_the_newest_of_several(clock):
    class Meter(Device):
        answers = [[], [Sample(watts=1.0), Sample(watts=2.0)], [Sample(watts=2.0)]]

        def read(self):
            clock.sleep(0.1)
            if not self.answers:
                raise OSError(5, "Input/output error")
            return self.answers.pop(0)

    found = probe.burst(Meter(), 0.55, clock)
    assert (found.reads, found.failed, found.distinct) == (6, 4, 1)


def test_a_burst_reads_at_least_once(clock):
    assert probe.burst(replay.open(5), 0.0, clock).reads == 1


def test_a_burst_on_a_board_costs_microseconds(tmp_path):
    """In real time, of which a busy machine takes some; not half the reads."""
    device = ina3221.open(root=str(board_rig.build(tmp_path, "tx2")))
    assert 0 < probe.burst(device, 0.5).read_s < 1e-3
    device.close()


def test_the_lag_of_a_step_is_found(clock):
    """A first-order sensor of 0.15 s over steps that begin with the load."""
    machine = Machine(clock, rest=5.0, full=9.0)
    device = Sensor(machine, update_s=1e-4, tau_s=0.15, step=1e-9)
    found = experiment.watch(device, machine.turn, clock)
    assert found.lag_s.value == pytest.approx(0.15, rel=0.01)
    assert machine.watts() == 5.0


def test_no_step_says_nothing_about_lag(monkeypatch):
    """Under the real load, which must leave the machine as it was."""
    monkeypatch.setattr(staircase, "REST_S", 0.1)
    monkeypatch.setattr(staircase, "PUSH_S", 0.2)
    before = threading.active_count()
    assert experiment.watch(replay.open(5)) is None
    assert MACHINE.until(lambda: threading.active_count() == before, 30.0)


def test_the_drift_of_a_machine_at_rest_is_seen(clock):
    rising = PowerTrace((0.0, 10.0), (5.0, 15.0))
    first, second = probe.rest(replay.open(rising, clock=clock), 0.4, clock)
    assert first == pytest.approx(5.1, abs=0.001) and second == pytest.approx(5.3, abs=0.001)


def test_the_doctor_examines_fake_power(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "BURST_S", 0.2)
    path = tmp_path / "t.json"
    path.write_text(PowerTrace((0.0, 1.0), (5.0, 6.0), "IN").to_json())
    checks = health.examine(replay.open(str(path)), 0.2, with_load=False)
    assert health.verdict(checks) == "warn"
    assert {"update period", "read cost", "idle power"} <= {check.name for check in checks}


LIMIT_S = 0.005  # to which the doctor is to find update and window


@pytest.mark.parametrize("seed", range(4))
def test_the_doctor_finds_a_sensor_that_looks_part_of_the_time(clock, seed, monkeypatch, tmp_path):
    monkeypatch.setenv(store.ASKED, str(tmp_path))
    machine = Machine(clock)
    phase = random.Random(seed).random()
    device = Sensor(machine, 0.1, 0.025, phase=phase, noise=2.0, seed=seed, read_s=0.0005)
    told, found = [], {}

    def keep(info, response):
        doctor.keep(info, response)
        found.update(doctor.facts(response))

    checks = health.examine(
        device,
        2.0,
        True,
        clock=clock,
        work=machine.turn,
        tell=lambda *stage: told.append(stage),
        keep=keep,
    )
    window = next(check for check in checks if check.name == "window")
    assert window.verdict == "warn" and "of every 100 (" in window.found and window.mend
    assert abs(found["window_s"]["value"] - 0.025) < LIMIT_S
    assert abs(found["update_s"]["value"] - 0.1) < LIMIT_S
    assert found["window_s"]["low"] < 0.025 < found["window_s"]["high"]
    assert store.load(device.info())["window_s"]["value"] == found["window_s"]["value"]
    lag = next(check for check in checks if check.name == "lag")
    assert lag.found.startswith("measured 0.063 s") or lag.found.startswith("measured 0.062 s")
    assert {stage for stage, _, _ in told} == {
        "reading without pause",
        "at rest",
        "under pulses of load",
    }
    assert all(0.0 <= done_s <= whole_s + 1.0 for _, done_s, whole_s in told)


def test_the_doctor_calls_an_ordinary_sensor_ordinary(clock):
    machine = Machine(clock)
    device = Sensor(machine, 0.1, 0.1, phase=0.3, noise=2.0, read_s=0.0005)
    checks = health.examine(device, 1.0, True, clock=clock, work=machine.turn)
    window = next(check for check in checks if check.name == "window")
    assert window.verdict == "ok" and window.found.startswith("a new value every 100 (")


def test_a_window_known_from_before_is_told_without_load(clock):
    device = Sensor(Machine(clock), 0.1, 0.025, window_s=0.025, read_s=0.0005)
    checks = health.examine(device, 1.0, False, clock=clock)
    window = next(check for check in checks if check.name == "window")
    assert window.verdict == "warn" and "sees 25 of every 100 ms" in window.found


def test_a_gpu_without_torch_is_not_loaded(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it fails
    device = Sensor(Machine(clock), 0.1, 0.025, scope="gpu", read_s=0.0005)
    for gpu, why in ((True, "torch, which would load the GPU, is not"), (False, "only `edge")):
        checks = health.examine(device, 1.0, True, clock=clock, gpu=gpu)
        lag = next(check for check in checks if check.name == "lag")
        assert lag.verdict == "ok" and why in lag.found


class FakeCuda(types.ModuleType):
    """As much of torch as a load of a GPU asks for: two GPUs, and products that are counted."""

    float16 = "half"

    def __init__(self, available):
        super().__init__("torch")
        self.cuda, self.products, self.indices = self, 0, set()
        self.is_available = lambda: available
        self.device_count = lambda: 2
        self.get_device_properties = lambda index: types.SimpleNamespace(uuid="cafe-%d" % index)

    def device(self, kind, index):
        self.indices.add((kind, index))
        return index

    def rand(self, rows, columns, device, dtype):
        return rows

    def empty_like(self, matrix):
        return matrix

    def mm(self, a, b, out):
        self.products += 1

    def synchronize(self, device):
        MACHINE.sleep(0.001)


def test_a_gpu_is_loaded_through_torch_by_its_uuid(clock, monkeypatch):
    device = Sensor(Machine(clock), 0.1, 0.025, scope="gpu")
    device.facts = lambda: {"uuid": "GPU-cafe-1"}
    torch = FakeCuda(True)
    monkeypatch.setitem(sys.modules, "torch", torch)
    load = experiment.load_for(device, True)
    begun = torch.products
    load.turn(1.0)
    assert MACHINE.until(lambda: torch.products > begun + 5, 30.0)
    load.stop()
    assert torch.indices == {("cuda", 1)}
    monkeypatch.setitem(sys.modules, "torch", FakeCuda(False))
    with pytest.raises(experiment.NoLoad, match="finds no CUDA"):
        experiment.load_for(device, True)


def test_what_cannot_be_stored_spoils_no_examination(clock, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(store.ASKED, str(tmp_path / "file" / "folder"))
    machine = Machine(clock)
    device = Sensor(machine, 0.1, 0.025, read_s=0.0005)
    doctor.keep(device.info(), experiment.watch(device, machine.turn, clock))
    assert "is not stored" in capsys.readouterr().err


def test_progress_is_written_over_one_line_and_wiped(capsys):
    doctor.progress("at rest", 3.2, 20.0)
    doctor.progress("", 0.0, 0.0)
    out, err = capsys.readouterr()
    assert not out and err == "\r\x1b[Kat rest: 3 of 20 s\r\x1b[K"


def test_the_command_refuses_a_machine_without_a_sensor():
    code, out, err = command("doctor", "--power", "none", "--json")
    assert code == 3, err
    assert json.loads(out)["verdict"] == "refuse"
    code, out, _ = command("devices", "--json")
    assert code == 0 and json.loads(out)["chosen"]
