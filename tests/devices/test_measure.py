"""The commands `measure` and `watch`: exit codes, outputs, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rigs import trace_events

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


def test_the_trace_is_a_timeline_too(tmp_path):
    path = tmp_path / "x.json"
    words = [
        "--idle",
        "0.1",
        "--warmup",
        "1",
        "-n",
        "2",
        "--trace",
        str(path),
        "--",
        "sleep",
        "0.1",
    ]
    code, _, err = edgejoule("measure", "--fake-power", "8", *words)
    document = trace_events.checked(path.read_text())
    names = [name for name, _, _ in trace_events.slices(document)]
    assert code == 0 and names[0] == "measure" and names[-3:] == ["warm-up 1", "run 1", "run 2"]
    assert trace_events.depth(document, "run 2") == 1
    assert trace_events.counter(document, "power constant")[0][1] == 8.0
    assert PowerTrace.from_json(path.read_text()).watts[0] == 8.0


@pytest.mark.parametrize("place", ["missing/x.json", "."])
def test_a_trace_that_cannot_be_written_is_found_before_the_command_starts(tmp_path, place):
    path, mark = tmp_path / place, tmp_path / "mark"
    code, out, err = edgejoule(
        "measure", "--fake-power", "8", "--trace", str(path), "--", "touch", str(mark)
    )
    assert code == 4 and err.count("\n") == 1 and "--trace" in err and not out
    assert not mark.exists()


def test_a_full_disk_costs_the_trace_and_nothing_else():
    words = ["--trace", "/dev/full", "--", "sh", "-c", "exit 9"]
    code, _, err = edgejoule("measure", "--fake-power", "8", *words)
    lost = [line for line in err.splitlines() if "was not written: No space left" in line]
    assert code == 9 and "J in" in err and len(lost) == 1
    code, out, err = edgejoule("measure", "--fake-power", "8", "--json", *words)
    assert code == 9 and json.loads(out)["exit_code"] == 9 and not err
    assert "was not written" in json.loads(out)["warnings"][-1]


def test_a_folder_that_goes_away_costs_the_trace_and_nothing_else(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    words = ["--trace", str(folder / "x.json"), "--", "rm", "-r", str(folder)]
    code, _, err = edgejoule("measure", "--fake-power", "8", *words)
    assert code == 0 and "J in" in err and "was not written: No such file" in err


def test_what_cannot_be_run_has_a_shells_exit_code(tmp_path):
    plain, headless, bare = tmp_path / "plain", tmp_path / "headless", tmp_path / "bare"
    plain.write_text("echo hi")
    headless.write_text("#!/no/such/interpreter")
    headless.chmod(0o755)
    bare.write_text("echo hi")
    bare.chmod(0o755)
    for word, code, told in (
        ("no-such-command", 127, "there is no such command"),
        (str(tmp_path / "none"), 127, "there is no such command"),
        (str(plain), 126, "may not be executed; chmod +x"),
        (str(tmp_path), 126, "it is a folder"),
        (str(headless), 126, "interpreter"),
        (str(bare), 126, "begin it with #!"),
    ):
        begun = time.monotonic()
        found, out, err = edgejoule("measure", "--fake-power", "8", "--json", "--", word)
        lines = [line for line in err.splitlines() if "cannot run " + repr(word) in line]
        assert found == code and len(lines) == 1 and told in lines[0], err
    code, out, err = edgejoule("measure", "--idle", "60", "--", "no-such-command")
    assert code == 127 and time.monotonic() - begun < 30, "found before the machine's rest"
    assert err.count("\n") == 1 and not out


def test_a_series_as_json():
    words = ["-n", "3", "--warmup", "1", "--json", "--", "sh", "-c", "echo hi; sleep 0.1"]
    code, out, err = edgejoule("measure", "--fake-power", "8", *words)
    found = json.loads(out)
    assert code == 0 and [run["counted"] for run in found["runs"]] == [False, True, True, True]
    seconds = [run["reading"]["seconds"] for run in found["runs"][1:]]
    assert found["summary"]["seconds"]["mean"] == pytest.approx(sum(seconds) / 3)
    assert found["summary"]["watts"]["mean"] == pytest.approx(8.0)
    assert err.count("hi\n") == 4 and "run 3 of 3" in err


def test_a_series_ends_at_the_first_failure(tmp_path):
    mark = tmp_path / "mark"
    script = "test -e {0} && exit 5; touch {0}".format(mark)
    code, _, err = edgejoule("measure", "--fake-power", "8", "-n", "4", "--", "sh", "-c", script)
    assert code == 5 and "run 2 of 4" in err and "run 3 of 4" not in err
    assert "it failed with exit code 5" in err and "mean of 1 of 4 runs" in err
    words = ["-n", "4", "--keep-going", "--", "sh", "-c", script]
    code, _, err = edgejoule("measure", "--fake-power", "8", *words)
    assert code == 5 and "mean of 4 runs" in err


def started(*words, ignore=()):
    """A command line in a group of its own, as a terminal starts it; its command says "up"."""

    def prepare():
        os.setsid()
        heed_interrupts()
        for number in ignore:
            signal.signal(number, signal.SIG_IGN)

    process = subprocess.Popen(
        EDGEJOULE + ["measure", "--fake-power", "8"] + list(words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
    )
    assert process.stdout.readline() == b"up\n"
    return process


def ended(process):
    out, err = process.communicate(timeout=20)
    return process.returncode, err.decode()


def test_ctrl_c_ends_the_command_and_its_reading_is_told():
    process = started("--", "sh", "-c", "echo up; exec sleep 30")
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of the group
    code, err = ended(process)
    assert code == 130 and "J in" in err and "Traceback" not in err


def test_a_command_that_ignores_ctrl_c_is_measured_to_its_end():
    process = started("--", "sh", "-c", "trap '' INT; echo up; sleep 0.5; exit 6")
    os.killpg(process.pid, signal.SIGINT)
    code, err = ended(process)
    assert code == 6 and "J in" in err and float(err.split("J in")[1].split()[0]) >= 0.4


def test_ctrl_c_in_a_series_keeps_the_finished_runs(tmp_path):
    mark = tmp_path / "mark"
    script = "test -e {0} && echo up && exec sleep 30; touch {0}".format(mark)
    process = started("-n", "9", "--trace", str(tmp_path / "x.json"), "--", "sh", "-c", script)
    os.killpg(process.pid, signal.SIGINT)
    code, err = ended(process)
    assert code == 130 and "not counted: it was interrupted" in err
    assert "mean of 1 of 9 runs" in err
    assert "run 3" not in err and "Traceback" not in err
    assert trace_events.checked((tmp_path / "x.json").read_text())


def test_what_nohup_ignores_the_command_ignores_as_well():
    process = started("--", "sh", "-c", "echo up; sleep 0.5; exit 6", ignore=[signal.SIGHUP])
    os.killpg(process.pid, signal.SIGHUP)
    assert ended(process)[0] == 6


def test_sensors_are_sought_under_another_root(tmp_path):
    zone = tmp_path / "class" / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in (
        ("name", "package-0"),
        ("energy_uj", "1000"),
        ("max_energy_range_uj", "262143328850"),
    ):
        (zone / name).write_text(text + "\n")
    words = ["--power", "rapl", "--sysfs", str(tmp_path), "--json", "--", "true"]
    code, out, _ = edgejoule("measure", *words)
    assert code == 0 and json.loads(out)["device"]["adapter"] == "rapl"


@pytest.mark.parametrize(
    "words,told",
    [
        (["measure"], "asked for no command"),
        (["measure", "--power", "nvlm", "--", "true"], "Did you mean 'nvml'"),
        (["measure", "--fake-power", "-1", "--", "true"], "more than 0"),
        (["measure", "--fake-power", "nan", "--", "true"], "fake power"),
        (["measure", "-n", "0", "--", "true"], "argument -n/--repeat: asked for '0'"),
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
