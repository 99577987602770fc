"""The watch on a terminal: it fits any window, and its block stands still."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rigs import board_rig, terminal_rig
from rigs.hand_clock import HandClock

from edgejoule.devices.live import screen
from edgejoule.devices.live.looks import Look
from edgejoule.devices.live.terminal import Terminal
from edgejoule.devices.reading import DeviceInfo

ROOT = Path(__file__).resolve().parent.parent.parent
ZONES = {
    name: 40.25 + i
    for i, name in enumerate(
        (
            "BCPU-therm",
            "MCPU-therm",
            "GPU-therm",
            "PLL-therm",
            "Tboard_tegra",
            "Tdiode_tegra",
            "PMIC-Die",
        )
    )
}
RAILS = {name: watts / 1e3 for chip in board_rig.TX2.values() for name, watts in chip}
INFO = DeviceInfo("ina3221", "NVIDIA Jetson TX2", "VDD_IN", "module")
FAKE = INFO._replace(fake="constant 5 W")
REASON = "1 gap without samples, the longest 0.4 s; /sys/bus/i2c/in_power0_input: no number"


def look(watts=3.0, rails=RAILS, celsius=ZONES, reason=None, seconds=1.0):
    return Look(seconds, 1.0, watts, watts, rails, celsius, "too_short", reason)


def block(columns, lines=100, info=INFO, given=None, note=None):
    window = screen.Window(columns, lines)
    return screen.block(info, given or look(), 3.0, note, window)


@pytest.mark.parametrize("columns", [20, 21, 33, 47, 64, 80, 300])
def test_every_line_fits_the_window(columns):
    url = "http://127.0.0.1:65535/metrics"
    lines = block(columns, info=FAKE, given=look(reason=REASON), note=url)
    assert all(len(line) < columns for line in lines)
    text = "".join(lines).replace(" ", "")
    for whole in ["NOTREAL:constant5W", "3.00W", url, REASON.replace(" ", "")]:
        assert whole in text
    assert sum(line.startswith("total") for line in lines) == 1
    for degrees in ZONES.values():
        assert "{:.1f}C".format(degrees) in text


def test_no_window_is_too_small():
    for columns in range(1, 40):
        for lines in range(1, 40):
            found = block(columns, lines, FAKE, look(reason=REASON))
            assert len(found) <= lines
            assert all(len(line) <= max(columns - 1, 1) for line in found)


def test_rails_that_differ_at_their_end_stay_apart_in_a_narrow_window():
    names = {line.split()[0] for line in block(20)[2:14]}
    assert len(names) == len(RAILS) and {"VDD_IN", "V..SYS_GPU", "V..SYS_CPU"} <= names


def test_bars_are_shares_of_the_highest_watts():
    rows = block(80, given=look(watts=3.0, rails={"half": 1.5, "low": -0.1}))[1:]
    assert [row.count("#") for row in rows[:3]] == [30, 15, 0]


def test_what_does_not_fit_is_counted():
    whole = block(40, given=look(reason="the sensor fails"))
    for lines in range(2, len(whole)):
        part = block(40, lines, given=look(reason="the sensor fails"))
        assert len(part) == lines and part[-1] == "{} more lines do not fit".format(
            len(whole) - lines + 1
        )
        assert any(line.startswith("total") for line in part)
        assert "the sensor fails" in part or lines < 3
    assert block(40, len(whole), given=look(reason="the sensor fails")) == whole


def test_a_name_cannot_command_the_terminal():
    rails = {"a\x1b[2Jb\nc\td": 1.0, "\u96fb\u529b" * 12: 1.0, "e\u0301" * 30: 1.0}
    for line in block(30, given=look(rails=rails)):
        assert line.isprintable()
        wide = [each for each in line if each in "\u96fb\u529b"]
        assert len(line) + len(wide) - line.count("\u0301") < 30


def test_watts_that_were_not_measured():
    assert any("not measured" in line for line in block(20, given=look(watts=None, rails={})))


def drawn(columns, lines, steps):
    """The screen after steps: a look is drawn, (columns, lines) is the window's new size."""
    with terminal_rig.terminal(columns, lines) as tty:
        with os.fdopen(os.dup(tty.slave), "w") as out:
            out.write("$ edgejoule watch\n")
            made = Terminal(out, INFO, HandClock())
            for step in steps:
                if step is None or isinstance(step, Look):
                    made.draw(step)
                else:
                    tty.caught_up(out)
                    tty.resize(*step)
                    made.redraw()
            return tty.caught_up(out), tty.screen.wrapped


@pytest.mark.parametrize("columns", list(range(20, 90, 7)) + [300])
@pytest.mark.parametrize("lines", [1, 2, 5, 12, 24, 60])
def test_the_block_stands_still(columns, lines):
    """Seven zones wrapped, so that "total" stood on the screen once for every look."""
    steps = [None, look(2.0), look(3.0, reason=REASON), look(1.0), look(3.0)]
    shown, wrapped = drawn(columns, lines, steps)
    expected = block(columns, lines)
    assert shown[-len(expected) :] == expected and not wrapped
    assert len(shown) == len(expected) or shown[0] == "$ edgejoule watch"
    assert sum(line.startswith("total") for line in shown) == 1


@pytest.mark.parametrize("before", [(80, 24), (20, 60), (300, 5), (40, 40)])
@pytest.mark.parametrize("after", [(80, 24), (20, 60), (300, 5), (41, 40), (25, 9)])
def test_a_window_that_is_resized_in_between(before, after):
    steps = [None, look(2.0), look(3.0, reason=REASON), after, look(3.0)]
    shown, wrapped = drawn(before[0], before[1], steps)
    expected = block(*after)
    # one that changes is cleared: nobody knows where its lines went
    assert shown[-len(expected) :] == expected and not wrapped
    assert len(shown) == len(expected) or before == after


def test_columns_in_the_environment_make_it_narrower(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    shown, _ = drawn(80, 60, [look()])
    assert max(len(line) for line in shown) < 30


def start(tty, *words):
    """The command with the terminal as its own, as a shell starts it."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}

    def adopt():
        os.setsid()
        terminal_rig.take(tty.slave)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    return subprocess.Popen(
        [sys.executable, str(ROOT / "edgejoule.py"), "watch"] + [str(word) for word in words],
        stdin=tty.slave,
        stdout=tty.slave,
        stderr=subprocess.PIPE,
        env=dict(environment, TERM="xterm"),
        preexec_fn=adopt,
    )


def ended(process):
    """The exit code and standard error of a process that was told to end."""
    err = process.communicate(timeout=30)[1].decode()
    return process.returncode, err


def test_the_command_on_a_board_with_many_rails_and_zones(tmp_path):
    root = board_rig.build(tmp_path, "tx2")
    board_rig.heat(root, ZONES)
    with terminal_rig.terminal(50, 40) as tty:
        process = start(tty, "--sysfs", root, "--interval", "0.05")
        looks = []
        shown = tty.until(lambda lines: looks.append(lines) or len(looks) > 8 and lines[1:])
        tty.screen.feed("")
        process.send_signal(signal.SIGINT)
        code, err = ended(process)
    assert (code, err) == (0, "")
    assert shown[0] == "ina3221: VDD_IN of NVIDIA Jetson TX2"
    assert sum(line.startswith("total") for line in shown) == 1 and not tty.screen.wrapped
    assert "PMIC-Die 46.2 C" in shown[-1]


def test_a_window_is_drawn_anew_as_soon_as_it_is_resized():
    with terminal_rig.terminal(80, 24) as tty:
        process = start(tty, "--fake-power", "5", "--interval", "3600")
        tty.until(lambda lines: "no look yet" in lines)
        tty.resize(20, 24)
        shown = tty.until(lambda lines: max(map(len, lines)) < 20 and "no look yet" in lines)
        process.send_signal(signal.SIGTERM)
        code, err = ended(process)
    assert (code, err) == (0, "") and shown[1:3] == ["NOT REAL: constant", "5 W"]


def test_a_terminal_that_knows_no_escapes_gets_plain_lines(monkeypatch):
    with terminal_rig.terminal(80, 24) as tty:
        environment = dict(os.environ, TERM="dumb")
        subprocess.check_call(
            [sys.executable, str(ROOT / "edgejoule.py"), "watch", "--fake-power", "5"]
            + ["--interval", "0.05", "--seconds", "0.05"],
            stdout=tty.slave,
            env=environment,
        )
        shown = tty.until(lambda lines: len(lines) > 1)
    assert shown[0] == "replay: constant of no sensor, NOT REAL: constant 5 W"
