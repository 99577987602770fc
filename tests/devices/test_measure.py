"""The commands `measure` and `watch`: exit codes, outputs, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgejoule.devices.trace import PowerTrace

ROOT = Path(__file__).resolve().parent.parent.parent
EDGEJOULE = [sys.executable, str(ROOT / "edgejoule.py")]


def edgejoule(*words):
    done = subprocess.run(
        EDGEJOULE + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=str(ROOT)
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_output_is_the_commands_own_and_its_code_is_passed_on():
    code, out, err = edgejoule("measure", "--fake-power", "8", "--", "sh", "-c", "echo hi; exit 7")
    assert (code, out) == (7, "hi\n")
    assert "J in" in err and "constant 8 W" in err and "given by hand" in err


def test_json_is_alone_on_stdout():
    rest = ["--fake-power", "8", "--idle", "0.2", "--json"]
    code, out, err = edgejoule("measure", *rest, "--", "sh", "-c", "echo hi; sleep 0.2")
    found = json.loads(out)
    assert code == 0 and "hi" in err
    assert found["reading"]["joules"] == pytest.approx(8 * found["reading"]["seconds"])
    assert found["device"]["fake"] == "constant 8 W" and found["before"]["boot_id"]
    assert found["cost"]["replay"]["reads"] > 2


def test_joules_above_rest_are_told():
    """Rest is measured if the machine does not stand still meanwhile; it is asked until then."""
    for _ in range(30):
        code, out, _ = edgejoule(
            "measure", "--fake-power", "8", "--idle", "0.4", "--json", "--", "true"
        )
        found = json.loads(out)
        if found["idle"] is not None:
            break
        assert code == 0 and found["shares"] is None
    assert found["idle"]["watts"] == pytest.approx(8.0)
    assert found["shares"]["net"] == pytest.approx(0.0, abs=1e-6)


def test_without_a_sensor_the_joules_are_not_measured():
    code, _, err = edgejoule("measure", "--power", "none", "--", "true")
    assert code == 0 and "joules not measured: none was asked for" in err
    assert " 0 J" not in err


def test_a_command_killed_by_a_signal():
    code, _, _ = edgejoule("measure", "--fake-power", "8", "--", "sh", "-c", "kill -9 $$")
    assert code == 137


def test_sigterm_goes_to_the_command_and_the_reading_is_still_told():
    process = subprocess.Popen(
        EDGEJOULE
        + [
            "measure",
            "--fake-power",
            "8",
            "--",
            "sh",
            "-c",
            "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 5 and b"J in" in err


def test_the_trace_is_saved_and_can_be_played(tmp_path):
    path = tmp_path / "run.trace.json"
    edgejoule("measure", "--fake-power", "8", "--trace", str(path), "--", "sleep", "0.3")
    assert PowerTrace.from_json(path.read_text()).watts[0] == 8.0
    code, _, err = edgejoule("measure", "--fake-power", str(path), "--", "true")
    assert code == 0 and "trace run.trace.json" in err


@pytest.mark.parametrize(
    "words,told",
    [
        (["measure"], "asked for no command"),
        (["measure", "--", "no-such-command"], "cannot run"),
        (["measure", "--power", "nvlm", "--", "true"], "Did you mean 'nvml'"),
        (["measure", "--fake-power", "-1", "--", "true"], "more than 0"),
        (["watch", "--fake-power", "5", "--interval", "0"], "more than 0"),
        (["watch", "--fake-power", "5", "--bind", "::1"], "--prometheus PORT"),
    ],
)
def test_what_is_not_understood_is_one_line_and_code_4(words, told):
    code, out, err = edgejoule(*words)
    assert code == 4 and told in err and err.count("\n") == 1 and not out


def every(looks, interval, seconds):
    """True if looks are an interval apart, or later, until the time is up.

    The last has what is left of the time, an interval less what the others were late.
    """
    apart = [late - early for early, late in zip([0.0] + looks, looks)]
    return min(apart[:-1] or [interval]) >= interval and looks[-1] >= seconds > max(
        [0.0] + looks[:-1]
    )


def test_watch_prints_a_line_a_look():
    code, out, _ = edgejoule("watch", "--fake-power", "5", "--interval", "0.1", "--seconds", "0.3")
    head, lines = out.splitlines()[0], out.splitlines()[1:]
    assert code == 0 and "NOT REAL: constant 5 W" in head
    # a line has tenths of a second; a machine that stands still leaves a look without a sample
    assert 1 <= len(lines) <= 3 and float(lines[-1].split()[0]) >= 0.3
    assert all("5.00 W" in line or "sample" in line for line in lines)


def test_watch_as_json():
    code, out, _ = edgejoule(
        "watch", "--fake-power", "5", "--interval", "0.1", "--seconds", "0.2", "--json"
    )
    looks = [json.loads(line) for line in out.splitlines()[1:]]
    assert code == 0 and json.loads(out.splitlines()[0])["device"]["adapter"] == "replay"
    assert every([look["seconds"] for look in looks], 0.1 - 1e-6, 0.2 - 1e-3)
    for look in looks:
        assert look["watts"] == pytest.approx(5.0) or "sample" in look["reason"]


def heed_interrupts():
    """A shell starts background jobs, and so these tests at times, with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_watch_stops_at_ctrl_c():
    process = subprocess.Popen(
        EDGEJOULE + ["watch", "--fake-power", "5", "--interval", "0.1"],
        stdout=subprocess.PIPE,
        env=dict(os.environ, PYTHONUNBUFFERED="1"),
        preexec_fn=heed_interrupts,
    )
    process.stdout.readline()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    before = time.monotonic()
    process.communicate(timeout=10)
    assert process.returncode == 0 and time.monotonic() - before < 3.0


def test_nothing_to_watch_is_code_3():
    code, _, err = edgejoule("watch", "--power", "none")
    assert code == 3 and "nothing to watch" in err
