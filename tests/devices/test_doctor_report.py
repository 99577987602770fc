"""`edgejoule doctor --report`: everything an issue needs, from any machine, and nobody's name."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rigs import board_rig

from edgejoule import command_line
from edgejoule.devices import choose, doctor_report, health, machine, privacy, survey
from edgejoule.devices.adapters import ina3221
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample

ROOT = Path(__file__).resolve().parent.parent.parent
SECTIONS = ("software", "machine", "state", "environment", "sensors", "checks")
UUID = "GPU-4c2f8a1b-77aa-4f0e-9d1c-0123456789ab"


def command(*words, **options):
    """(exit code, stdout, stderr) of `edgejoule doctor ...`; `python` says how it is started."""
    start = options.pop("python", [sys.executable]) + [options.pop("script", ROOT / "edgejoule.py")]
    done = subprocess.run(
        [str(word) for word in start + ["doctor"] + list(words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def sections(text):
    """{heading: its lines} of a report."""
    lines = text.splitlines()
    starts = [lines.index(heading) for heading in SECTIONS] + [len(lines)]
    return {lines[begin]: lines[begin + 1 : end] for begin, end in zip(starts, starts[1:])}


def report_of(board, folder, monkeypatch):
    """The text on an emulated board, after a very short examination."""
    monkeypatch.setattr(health, "BURST_S", 0.02)
    device = ina3221.open(root=str(board_rig.build(folder, board)))
    sensors = [survey.account("ina3221", device)]
    checks = health.examine(device, 0.05, with_load=False, root=str(folder))
    device.close()
    return doctor_report.text(doctor_report.document(sensors, checks, str(folder)))


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
def test_a_board_is_told_with_its_sensor(board, tmp_path, monkeypatch):
    told = sections(report_of(board, tmp_path, monkeypatch))
    _, model, compatible, chips = board_rig.BOARDS[board]
    assert any(model in line and compatible in line for line in told["machine"])
    assert model in told["sensors"][0] and "ina3221" in told["sensors"][0]
    facts = "\n".join(told["sensors"])
    assert all(label in facts for rails in chips.values() for label, _ in rails if label != "NC")
    assert "period_s" in facts and "lag_s" in facts and "gain" in facts
    assert any(line.startswith("  ok     sensor: ina3221") for line in told["checks"])


def test_the_state_of_a_board_carries_its_units(tmp_path, monkeypatch):
    board_rig.put(tmp_path / "etc/nv_tegra_release", "# R32 (release), REVISION: 7.1\n")
    board_rig.put(tmp_path / "etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\n")
    board_rig.put(tmp_path / "var/lib/nvpmodel/status", "pmode:0000\n")
    board_rig.put(tmp_path / "usr/local/cuda/version.txt", "CUDA Version 10.2.300\n")
    board_rig.put(
        tmp_path / "proc/sys/kernel/random/boot_id", "0b7b2f36-0000-4000-8000-000000000000"
    )
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy0"
    board_rig.put(policy / "scaling_cur_freq", "2035200\n")
    board_rig.put(policy / "scaling_governor", "schedutil\n")
    board_rig.put(tmp_path / "sys/class/thermal/thermal_zone0/type", "GPU-therm\n")
    board_rig.put(tmp_path / "sys/class/thermal/thermal_zone0/temp", "45500\n")
    text = report_of("tx2", tmp_path, monkeypatch)
    for words in ("R32 (release), REVISION: 7.1", "MAXN", "policy0 2035 MHz", "GPU-therm 45.5 C"):
        assert words in text
    assert "10.2.300" in text and "mend: sudo jetson_clocks" in text
    assert "0b7b2f36" not in text


def test_without_torch_and_without_a_sensor_it_takes_seconds():
    """Python -S finds no installed package at all."""
    begun = time.monotonic()
    code, out, err = command("--report", python=[sys.executable, "-S"])
    assert code == 0 and not err and time.monotonic() - begun < 20.0
    told = sections(out)
    assert "packages" in out and all(told[name] for name in SECTIONS)
    assert [line.split()[0] for line in told["sensors"] if line[2:3].strip()] == list(choose.AUTO)
    assert "fit to measure" in out


def test_a_torch_that_breaks_at_import_is_not_imported(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('imported')")
    (tmp_path / "torch-9.8.7+odd.dist-info").mkdir()
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    code, out, _ = command("--report", "--power", "none", env=env)
    assert code == 0 and "torch 9.8.7+odd" in out


def test_it_is_written_to_a_file_and_json_stays_json(tmp_path):
    file = tmp_path / "report.txt"
    code, out, _ = command("--report", file, "--power", "none", "--json")
    found = json.loads(out)
    assert code == 0 and set(SECTIONS) | {"verdict"} == set(found)
    assert found["verdict"] == "refuse"
    assert file.read_text().startswith("```text\n") and file.read_text().endswith("```\n")
    code, _, err = command("--report", tmp_path / "no" / "file", "--power", "none")
    assert code == 4 and err.count("\n") == 1
    code, _, err = command("--report", "--power", "nvlm")
    assert code == 4 and "Did you mean 'nvml'" in err


def test_a_clone_in_a_home_folder_tells_no_name(tmp_path):
    home = tmp_path / "home" / "zebrafinch"
    (home / "clone").mkdir(parents=True)
    (home / "clone" / "edgejoule").symlink_to(ROOT / "edgejoule")
    shutil.copy(str(ROOT / "edgejoule.py"), str(home / "clone"))
    (home / "torch-1.0.dist-info").mkdir()
    env = dict(
        os.environ,
        HOME=str(home),
        USER="zebrafinch",
        LOGNAME="zebrafinch",
        HOSTNAME="stripedhost.lan",
        EDGEJOULE_LOCKS=str(home / "locks"),
        EDGEJOULE_TOKEN="stripedhost secret",
        CUDA_VISIBLE_DEVICES=UUID,
        PYTHONPATH=str(home),
    )
    code, out, _ = command(
        "--report", "--power", "none", env=env, script=home / "clone" / "edgejoule.py"
    )
    assert code == 0 and "~/clone/edgejoule" in out and "~/locks" in out
    for private in ("zebrafinch", "stripedhost", str(tmp_path), "secret", UUID[9:]):
        assert private not in out
    assert "GPU-4c2f..." in out and "EDGEJOULE_TOKEN      (set)" in out


@pytest.fixture
def zebra(monkeypatch):
    """A user and a host of these names, in a home folder of its own."""
    for name in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "zebrafinch")
    monkeypatch.setenv("HOME", "/data/zebrafinch")
    monkeypatch.setattr(privacy.socket, "gethostname", lambda: "Stripedhost.lan")


@pytest.mark.parametrize(
    "text,clean",
    [
        ("/data/zebrafinch/ej/a.py: line 3", "~/ej/a.py: line 3"),
        ("/home/somebody/x and /Users/other/y", "~/x and ~/y"),
        ("/srv/home/somebody/x", "~/x"),
        ("'/home/somebody': gone", "'~': gone"),
        ("/media/somebody/disk", "/media/<user>/disk"),
        ("/mnt/zebrafinch_runs", "/mnt/<user>_runs"),
        ("by Zebrafinch@STRIPEDHOST", "by <user>@<host>"),
        ("stripedhost.lan:5025", "<host>:5025"),
        ("external:tcp:10.0.0.7:5025", "external:tcp:<host>:5025"),
        (UUID + ", MIG-" + UUID[4:], "GPU-4c2f..., MIG-4c2f..."),
        ("0b7b2f36-0000-4000-8000-000000000000", "0b7b2f36..."),
        ("link 48:b0:2d:12:34:56 up", "link <address> up"),
        ("NVIDIA Jetson TX2, torch 1.10.0+cu102", "NVIDIA Jetson TX2, torch 1.10.0+cu102"),
        ("/usr/local/cuda-10.2 and 1/2", "/usr/local/cuda-10.2 and 1/2"),
    ],
)
def test_names_are_taken_out(zebra, text, clean):
    assert privacy.cleaner()(text) == clean


def test_a_json_value_is_cleaned_in_its_depth(zebra):
    value = {"a": ["zebrafinch", 3.5, None, True], "b": {"c": ("stripedhost",)}}
    assert privacy.cleaner()(value) == {"a": ["<user>", 3.5, None, True], "b": {"c": ["<host>"]}}


def test_a_short_name_is_taken_out_as_a_word_only(monkeypatch):
    monkeypatch.setenv("USER", "al")
    assert privacy.cleaner()("al has a signal, al_2") == "<user> has a signal, <user>_2"


def test_names_that_boards_come_with_are_left_alone(monkeypatch):
    monkeypatch.setenv("USER", "nvidia")
    monkeypatch.setattr(privacy.socket, "gethostname", lambda: "jetson")
    assert privacy.cleaner()("nvidia-ml-py on a Jetson") == "nvidia-ml-py on a Jetson"
    assert privacy.cleaner()("/home/nvidia/x") == "~/x"


def test_a_report_of_this_machine_names_neither_user_nor_host():
    found = doctor_report.document(survey.take(2.0), [health.Check("sensor", "ok", "x")])
    text = doctor_report.text(found) + json.dumps(found)
    assert not [
        name for name in privacy.users() + privacy.hosts() if len(name) > 3 and name in text
    ]
    assert not [home for home in privacy.homes() if home + "/" in text]


class Adapter(Device):
    """A module of devices/adapters, and its device, in a test's hands."""

    def __init__(self, read=lambda: [Sample(watts=3.0)], opening=lambda: None):
        self._read, self._opening, self.closed = read, opening, 0

    def open(self, argument=None, clock=None):
        self._opening()
        return self

    def read(self):
        return self._read()

    def info(self):
        return DeviceInfo("x", "x", "R", "gpu", period_s=0.01)

    def facts(self):
        return {"uuid": UUID, "sm_mhz": 1300}

    def notes(self):
        return ["nvml: the GPU was slowed by: power brake"]

    def close(self):
        self.closed += 1


@pytest.fixture
def adapters(monkeypatch):
    """Adapters by name, in the order in which they are asked."""
    found = {}
    real = choose.load
    monkeypatch.setattr(choose, "load", lambda name: found.get(name) or real(name))
    monkeypatch.setattr(choose, "AUTO", ("first", "second"))
    return found


def fine(device):
    return [health.sensor(device.info())]


def test_sensors_that_hang_or_fail_cost_seconds(adapters, monkeypatch):
    monkeypatch.setattr(doctor_report, "SENSORS_S", 0.2)
    adapters["first"] = Adapter(opening=lambda: time.sleep(30))
    adapters["second"] = Adapter(read=lambda: 1 / 0)
    begun = time.monotonic()
    found = doctor_report.make("auto", None, fine, 1.0)
    assert time.monotonic() - begun < 5.0
    assert [each["reason"] for each in found["sensors"]] == [
        "first: no answer within 0.2 s",
        "ZeroDivisionError: division by zero",
    ]
    assert found["verdict"] == "refuse" and "no answer" in found["checks"][0]["found"]


def test_an_examination_that_hangs_or_breaks_is_a_finding(adapters):
    adapters["first"] = Adapter(read=lambda: 1 / 0)
    adapters["second"] = Adapter()
    for examine, told in (
        (lambda device: time.sleep(30), "RuntimeError: no answer within 0.1 s"),
        (lambda device: 1 / 0, "ZeroDivisionError: division by zero"),
    ):
        found = doctor_report.make("auto", None, examine, 0.1)
        assert found["verdict"] == "refuse" and found["checks"][0]["found"] == told
    assert adapters["second"].closed == 2, "the survey's two; what hangs is not closed"


def test_the_sensor_that_answered_is_examined_and_its_facts_are_told(adapters):
    adapters["first"] = Adapter(read=lambda: [][0])
    adapters["second"] = Adapter()
    found = doctor_report.make("auto", None, fine, 5.0)
    told = sections(doctor_report.text(found))
    assert found["verdict"] == "ok" and "x: R of x" in found["checks"][0]["found"]
    facts = "\n".join(told["sensors"])
    assert "GPU-4c2f..." in facts and UUID not in facts and "power brake" in facts


def test_a_report_that_cannot_be_written_is_found_before_anything_is_examined(capsys, tmp_path):
    assert command_line.main(["doctor", "--report", str(tmp_path / "no" / "x")]) == 4
    err = capsys.readouterr().err
    assert "--report" in err and "No such file" in err and err.count("\n") == 1


def test_a_report_that_a_full_disk_refuses_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(doctor_report, "make", lambda *_: {})
    monkeypatch.setattr(doctor_report, "text", lambda _: "what was found")
    assert command_line.main(["doctor", "--report", "/dev/full"]) == 1
    out, err = capsys.readouterr()
    assert "what was found" in out and "was not written: No space left" in err


def test_versions_are_read_off_the_metadata(tmp_path, monkeypatch):
    for name in ("torch-1.10.0.dist-info", "numpy-1.19.4-py3.6.egg-info", "x.egg-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "nvidia_ml_py-11.5.dist-info").mkdir()
    (tmp_path / "PyYAML-3.12.egg-info").write_text("a file, as Debian has them")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "gone.zip")])
    assert machine.installed() == {
        "torch": "1.10.0",
        "numpy": "1.19.4",
        "nvidia-ml-py": "11.5",
        "pyyaml": "3.12",
    }
    assert "jetson-stats" in machine.software()["not installed"]


def test_nothing_is_known_of_an_empty_tree_and_nothing_raises(tmp_path):
    found = machine.facts(str(tmp_path))
    assert found["machine"]["board"] is None and found["state"]["power mode"] is None
    json.dumps(found)
