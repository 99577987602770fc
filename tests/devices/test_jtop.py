"""The real jtop client and service over an emulated board: values, traps, every way to fail.

Service and client are processes of their own, so time is the machine's. Nothing here counts on
how much of it a busy machine needs: what takes time is waited for.
"""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from rigs import board_rig, jtop_rig, process_state, unprivileged
from rigs.training_loop import measured

from edgejoule.devices.adapters import jtop
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.meter import Meter
from edgejoule.devices.vendors import child_lines

# jtop is not imported here: its 7.x would change this process
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jtop") is None, reason="jetson-stats is not installed"
)
PERIOD_S = 0.1
PATIENCE_S = 60.0  # for what takes a fraction of a second on a machine that has time


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A TX2's service for tests that leave it as they found it."""
    service = jtop_rig.Jtop(tmp_path_factory.mktemp("jtop"))
    yield service
    service.stop()


@pytest.fixture
def own(tmp_path):
    """A service for a test that breaks it."""
    service = jtop_rig.Jtop(tmp_path)
    yield service
    service.stop()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may take its time to start a process."""
    monkeypatch.setattr(jtop, "IMPORT_S", PATIENCE_S)
    monkeypatch.setattr(jtop, "START_S", PATIENCE_S)


def attempted(service):
    """The opened device, or why it was refused.

    jtop's client gives up on a service that has no value for it within three periods, which on a
    machine that stands still may be anybody's; then it is asked again.
    """
    found = []

    def attempt():
        try:
            found[:] = [jtop.open(PERIOD_S, service.socket)]
        except RuntimeError as error:
            found[:] = [str(error)]
        return "Error connection" not in str(found[0])

    assert MACHINE.until(attempt, PATIENCE_S), found
    return found[0]


def opened(service):
    """The device of a service that works."""
    device = attempted(service)
    assert isinstance(device, jtop.Service), device
    return device


def answer(device, watts=None):
    """The first sample, or the first of that power; one that is stale is asked for again."""
    found = []

    def look():
        try:
            found[:] = device.read()
        except RuntimeError:
            return False
        return watts is None or found[-1].watts == pytest.approx(watts)

    assert MACHINE.until(look, PATIENCE_S), found
    return found[-1]


def covered(meter, seconds):
    """The reading of the first window in which the machine let every sample come in time."""
    found = []

    def look():
        with meter.window() as window:
            time.sleep(seconds)
        found.append(window.reading)
        return window.reading.coverage == 1.0

    assert MACHINE.until(look, PATIENCE_S), found[-1]
    return found[-1]


def broken(service, seconds, during):
    """The reading of a window round training, with `during()` in it, `seconds` before its end."""
    device = opened(service)
    try:
        with Meter(device) as meter:
            return measured(meter, 1.0, during, seconds)[0]
    finally:
        device.close()


def test_written_watts_come_back_as_joules(shared):
    board_rig.set_watts(shared.sys, "VDD_IN", 7.5)
    device = opened(shared)
    answer(device, 7.5)
    with Meter(device) as meter:
        found = covered(meter, 1.2)
    device.close()
    assert found.joules == pytest.approx(7.5 * found.seconds, rel=0.01)
    assert found.rails["VDD_SYS_GPU"] == pytest.approx(0.3 * found.seconds, rel=0.01)


def test_the_board_is_told(shared):
    device = opened(shared)
    info = device.info()
    device.close()
    assert (info.rail, info.scope, info.name) == ("VDD_IN", "module", "NVIDIA Jetson TX2")
    assert info.driver.startswith("jetson-stats ") and info.period_s == PERIOD_S
    assert (info.sensing, info.update_s, info.limit_watts) == ("instant", PERIOD_S, 25.0)


@pytest.mark.slow
def test_a_load_that_changes_comes_back_within_a_percent_over_ten_seconds(shared):
    """Written watts, a step every two seconds, through the real service and client."""
    device = opened(shared)
    steps = []  # (moment, watts before, watts from then on)
    with Meter(device) as meter:
        board_rig.set_watts(shared.sys, "VDD_IN", 6.0)
        answer(device, 6.0)
        window = meter.begin("w")
        last, watts, truth = window.start_s, 6.0, 0.0
        for k, fresh in enumerate((7.0, 9.0, 8.0, 6.0), 1):
            time.sleep(max(window.start_s + 2 * k - time.monotonic(), 0))
            now = time.monotonic()
            board_rig.set_watts(shared.sys, "VDD_IN", fresh)
            truth += (now - last) * watts
            steps.append((now, watts, fresh))
            last, watts = now, fresh
        time.sleep(2.0)
        found = meter.end("w")
        truth += (window.start_s + found.seconds - last) * watts
        times = meter.trace().times_s
    device.close()
    print(
        "jtop end to end: {:.3f} J of {:.3f} J, {:+.2f} %".format(
            found.joules, truth, 100 * (found.joules / truth - 1)
        )
    )
    # where the service itself was held up at a step, no more is known than the samples beside it
    unseen = sum(abs(after - before) * gap_at(times, now) for now, before, after in steps)
    assert found.joules == pytest.approx(truth, abs=max(0.01 * truth, unseen))


def gap_at(times, moment):
    """Seconds between the samples on either side of a moment."""
    return min(t for t in times if t > moment) - max(t for t in times if t <= moment)


def test_a_total_without_a_name_is_never_taken(own):
    """Then jtop adds the sub-rails up: 11 W where the board draws 3."""

    def lose():
        path = board_rig.power_file(own.sys, "VDD_IN")
        os.rename(str(path), str(path) + ".away")

    found = broken(own, 0.5, lose)
    assert found.status == "invalid"
    assert "no value for VDD_IN" in found.reason or "silent" in found.reason
    assert found.peak_watts == pytest.approx(3.056)


def test_a_board_without_an_input_rail_is_added_up(tmp_path):
    service = jtop_rig.Jtop(tmp_path, board="agx_xavier")
    try:
        device = opened(service)
        assert answer(device).watts == pytest.approx(5.5)
        device.close()
    finally:
        service.stop()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_service_that_stops_mid_run(own, number):
    found = broken(own, 0.6, lambda: own.signal(number))
    assert found.status == "invalid" and found.coverage < 0.9
    words = ("silent", "onnection", "not active")
    assert any(word in found.reason for word in words), found.reason
    assert "sudo systemctl" in found.reason  # restart, or start where it is seen to be gone
    assert found.joules == pytest.approx(3.056 * found.seconds, rel=0.05)


def test_a_service_that_comes_back_is_found_again(own, monkeypatch):
    monkeypatch.setattr(jtop, "AGAIN_S", 0.2)
    monkeypatch.setattr(jtop, "STUCK_S", 3.0)
    device = opened(own)
    with Meter(device) as meter:
        own.stop()
        own.start()
        found = covered(meter, 0.5)
    device.close()
    assert found.joules == pytest.approx(3.056 * found.seconds, rel=0.02)


def test_a_frozen_service_is_given_up(own, monkeypatch):
    """Where jtop's own client would wait for ever."""
    monkeypatch.setattr(jtop, "START_S", 0.8)
    first, spent = child_lines.Child.first, {}

    def timed(child, key, limit_s):
        begun = time.monotonic()
        try:
            return first(child, key, limit_s)
        finally:
            spent[key] = time.monotonic() - begun

    monkeypatch.setattr(child_lines.Child, "first", timed)
    own.signal(signal.SIGSTOP)
    with pytest.raises(RuntimeError, match="no answer within 0.8 s.*systemctl restart"):
        jtop.open(PERIOD_S, own.socket)
    assert 0.8 <= spent["start"] < 0.8 + 5.0


def test_another_version_is_told(tmp_path):
    service = jtop_rig.Jtop(tmp_path, EMULATED_JTOP_VERSION="4.2.9")
    try:
        assert re.search("Mismatch version.*systemctl restart", attempted(service))
    finally:
        service.stop()


def test_a_dead_services_socket_is_told(own):
    own.stop()
    assert re.search("not active.*systemctl start", attempted(own))


def test_a_forbidden_socket_is_told(own):
    os.chmod(own.socket, 0)
    said = unprivileged.output(
        "from edgejoule.devices.adapters import jtop\ntry: jtop.open(0.1, {!r})\n"
        "except RuntimeError as error: print(error)".format(own.socket)
    )
    assert "can't access jtop.service" in said and "usermod -aG jtop" in said


def test_a_slower_client_only_slows_the_samples(own):
    code = (
        "import sys, jtop.service\njtop.service.JTOP_PIPE = {!r}\nimport jtop\n"
        "while True:\n"
        "    j = jtop.jtop(interval=0.4)\n"
        "    try: j.start(); break\n"
        "    except jtop.JtopException: pass\n"
        "print('up', flush=True)\n"
        "while j.ok(): pass".format(own.socket)
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"up\n"
        device = opened(own)
        assert device.info().period_s == pytest.approx(0.4)
        with Meter(device) as meter:
            found = covered(meter, 1.3)
        device.close()
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert found.joules == pytest.approx(3.056 * found.seconds, rel=0.01)


def test_a_machine_without_the_service_is_a_reason(tmp_path):
    with pytest.raises(RuntimeError, match="no jtop.service here"):
        jtop.open(socket=str(tmp_path / "nowhere.sock"))


def test_in_a_container_the_way_to_the_service_is_told(tmp_path):
    board_rig.put(tmp_path / ".dockerenv", "")
    with pytest.raises(
        RuntimeError, match="no jtop.service here.*-v /run/jtop.sock:/run/jtop.sock"
    ):
        jtop.open(socket=str(tmp_path / "nowhere.sock"), host=str(tmp_path))


@pytest.mark.parametrize("interval", ["abc", "0", "-1", "nan", "inf"])
def test_an_interval_that_is_no_time_is_refused(interval):
    with pytest.raises(
        ValueError, match="^jtop: asked for a value every '.*must be a number above 0"
    ):
        jtop.open(interval)


def test_using_jtop_changes_nothing_of_this_process(shared):
    """In 7.x it sets multiprocessing's start method in whoever imports it: only the child does."""
    said = process_state.after_using("load('jtop').open(0.1, {!r})".format(shared.socket))
    assert said == "unchanged", said


def test_the_child_ends_with_its_device(shared):
    device = opened(shared)
    assert len(shared.children()) == 1
    device.close()
    assert shared.children() == []
