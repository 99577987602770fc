"""The doctor's checks: verdict, sentence, the command that mends."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rigs import board_rig

from edgejoule.devices import health, probe
from edgejoule.devices.adapters import ina3221, none, replay
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


def test_a_burst_finds_the_update_period():
    class Register:
        def read(self):
            return Sample(watts=float(int(time.monotonic() / 0.02)))

    found = probe.burst(Register(), 0.3)
    assert found.update_s == pytest.approx(0.02, abs=0.004)
    assert found.failed == 0 and found.reads > found.distinct


def test_a_burst_on_a_board_costs_microseconds(tmp_path):
    device = ina3221.open(root=str(board_rig.build(tmp_path, "tx2")))
    assert 0 < probe.burst(device, 0.1).read_s < 1e-3
    device.close()


def test_the_lag_of_a_step_is_found(monkeypatch):
    """A first-order sensor of 0.15 s over a step that begins with the load."""

    class Trailing:
        def __init__(self):
            self.begun = None

        def read(self):
            t = 0.0 if self.begun is None else time.monotonic() - self.begun
            return Sample(watts=5.0 + 4.0 * (1 - 2.718281828 ** (-t / 0.15)))

    class Load:
        def __init__(self):
            device.begun = time.monotonic()

        def stop(self):
            device.begun = None

    device = Trailing()
    monkeypatch.setattr(probe, "_Load", Load)
    monkeypatch.setattr(probe, "SETTLE_S", 0.2)
    monkeypatch.setattr(probe, "LOAD_S", 1.2)
    assert probe.lag_s(device, 0.01) == pytest.approx(0.15, rel=0.1)


def test_no_step_says_nothing_about_lag(monkeypatch):
    monkeypatch.setattr(probe, "SETTLE_S", 0.1)
    monkeypatch.setattr(probe, "LOAD_S", 0.2)
    assert probe.lag_s(replay.open(5), 0.01) is None


def test_the_drift_of_a_machine_at_rest_is_seen():
    rising = PowerTrace((0.0, 10.0), (5.0, 15.0))
    first, second = probe.rest(replay.open(rising), 0.4)
    assert first == pytest.approx(5.1, abs=0.03) and second == pytest.approx(5.3, abs=0.03)


def test_the_doctor_examines_fake_power(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "BURST_S", 0.2)
    path = tmp_path / "t.json"
    path.write_text(PowerTrace((0.0, 1.0), (5.0, 6.0), "IN").to_json())
    checks = health.examine(replay.open(str(path)), 0.2, with_load=False)
    assert health.verdict(checks) == "warn"
    assert {"update period", "read cost", "idle power"} <= {check.name for check in checks}


def test_the_command_refuses_a_machine_without_a_sensor():
    code, out, err = command("doctor", "--power", "none", "--json")
    assert code == 3, err
    assert json.loads(out)["verdict"] == "refuse"
    code, out, _ = command("devices", "--json")
    assert code == 0 and json.loads(out)["chosen"]
