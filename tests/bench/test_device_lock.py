"""One measurement at a time on one device; the kernel frees the lock however its holder dies."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rigs import unprivileged

from edgejoule.bench import device_lock
from edgejoule.bench.commands import run
from edgejoule.devices.reading import DeviceInfo

ROOT = Path(__file__).resolve().parent.parent.parent
HOLD = """\
import signal
from edgejoule.bench import device_lock
with device_lock.hold("board", "night 2026-11-21 of suite quick"):
    print("held", flush=True)
    signal.pause()
"""


HOLD_BRIEFLY = """\
from edgejoule.bench import device_lock
with device_lock.hold("board", "x"):
    print("held")
"""


@pytest.fixture
def locks(tmp_path, monkeypatch):
    monkeypatch.setenv(device_lock.ASKED, str(tmp_path / "locks"))
    return tmp_path / "locks"


@pytest.fixture
def holder(locks):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdout=subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_is_told_who_holds_the_device(holder):
    with pytest.raises(device_lock.Busy) as told:
        with device_lock.hold("board", "mine"):
            pass
    for word in (
        "board",
        "process {}".format(holder.pid),
        "night 2026-11-21 of suite quick",
        "since 20",
    ):
        assert word in str(told.value)


def test_kill_9_frees_it_at_once(holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with device_lock.hold("board", "mine"):
        pass


def test_another_device_is_free(holder):
    with device_lock.hold("other-board", "mine"):
        pass


def test_what_the_file_says_is_no_sign_of_life(locks):
    with device_lock.hold("board", "first"):
        pass
    said = json.loads(device_lock.path("board").read_text())
    assert said["pid"] == os.getpid() and said["what"] == "first"
    with device_lock.hold("board", "second") as held:
        held.tell("night 2 of it")
        assert json.loads(device_lock.path("board").read_text())["what"] == "night 2 of it"


def test_a_worker_does_not_inherit_it(locks):
    with device_lock.hold("board", "mine"):
        child = subprocess.Popen(
            [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"],
            close_fds=False,
            stdout=subprocess.PIPE,
        )
        child.stdout.readline()  # a process that is still becoming another holds it a little longer
    try:
        with device_lock.hold("board", "again"):
            pass
    finally:
        child.kill()
        child.wait()


def test_an_odd_file_in_its_place_still_locks(locks):
    locks.mkdir()
    device_lock.path("board").write_text("not JSON \x00")
    with device_lock.hold("board", "mine"):
        with pytest.raises(device_lock.Busy):
            with device_lock.hold("board", "also"):
                pass


def test_a_file_that_may_only_be_read_still_locks(locks):
    locks.mkdir()
    device_lock.path("board").write_text("{}")
    os.chmod(str(device_lock.path("board")), 0o444)
    assert unprivileged.output(HOLD_BRIEFLY).strip() == "held"


def test_a_folder_that_cannot_be_used_says_what_to_do(locks):
    locks.mkdir()
    os.chmod(str(locks), 0o555)
    said = unprivileged.output(HOLD_BRIEFLY)
    os.chmod(str(locks), 0o755)
    assert "EDGEJOULE_LOCKS" in said and "RuntimeError" in said


def test_the_folder_of_the_locks(monkeypatch, tmp_path):
    monkeypatch.delenv(device_lock.ASKED, raising=False)
    monkeypatch.setattr(device_lock, "FOLDER", str(tmp_path))
    assert device_lock.path("b") == tmp_path / "edgejoule-b.lock"
    monkeypatch.setattr(device_lock, "FOLDER", str(tmp_path / "absent"))
    assert device_lock.path("b") == Path(tempfile.gettempdir()) / "edgejoule-b.lock"


def test_only_real_sensors_are_held(locks, monkeypatch):
    infos = {
        "ina3221": DeviceInfo("ina3221", "Jetson TX2"),
        "none": DeviceInfo("none", "no power sensor", reason="none was asked for"),
    }
    monkeypatch.setattr(device_lock, "look", lambda power, fake: infos.get(power))
    with device_lock.real(
        [("ina3221", ""), ("ina3221", ""), ("none", ""), ("auto", "9.5"), ("broken", "")], "a run"
    ):
        assert [path.name for path in locks.iterdir()] == ["edgejoule-jetson-tx2-ina3221.lock"]
        with pytest.raises(device_lock.Busy):
            with device_lock.real([("ina3221", "")], "another"):
                pass


def test_a_run_with_a_real_sensor_waits_for_nobody(locks, monkeypatch, tmp_path, capsys):
    """`edgejoule run` ends with 75 while a nightly holds the board, and runs nothing."""
    monkeypatch.setattr(device_lock, "look", lambda power, fake: DeviceInfo("rapl", "board"))
    monkeypatch.setattr(run.runner, "run", None)
    arguments = run_arguments(["quick", "--runs", str(tmp_path / "runs")])
    with device_lock.hold("board-rapl", "night 2026-11-21 of suite quick"):
        assert run.run(arguments) == device_lock.BUSY
    assert "night 2026-11-21 of suite quick" in capsys.readouterr().err


def run_arguments(words):
    import argparse

    parser = argparse.ArgumentParser()
    run.arguments(parser)
    return parser.parse_args(words)


def test_a_sensor_that_is_not_there_is_no_device():
    assert device_lock.look("none", "").reason and device_lock.look("auto", "8").fake
