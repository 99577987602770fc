"""Ctrl-C and SIGTERM at any moment: one sentence, nobody left behind, and the next call goes on.

Real processes in a group of their own, stopped at moments that a seed draws, again and again until
the command is let alone; what was finished by then must not be done again.
"""

import json
import random
import shutil
import signal
import sys
import time
import zipfile
from pathlib import Path

import pytest
from rigs import tiny_suite
from rigs.signalled import ends_within, start, stopped

from edgejoule import command_line

NIGHT = "2026-11-20"
RUN = ["run", "tiny.toml", "--fake-power", "8"]
COMMANDS = {  # its words, its exit codes when it is let alone, what it then has made
    "run": (RUN, {0}, "runs/tiny/[!.]*/run.json"),
    "report": (["report", "tiny"], {0}, "runs/tiny/report/index.html"),
    "nightly": (
        ["nightly", "tiny.toml", "--fake-power", "8", "--night", NIGHT],
        {3},
        "history/*/{}/tiny/night.json".format(NIGHT),
    ),
    "prune": (
        ["prune", "--model", "vanillacnn", "--criterion", "l2", "--ratio", "0.5", "--out", "small"],
        {0},
        "small/weights.pt",
    ),
    "measure": (
        ["measure", "--fake-power", "8", "--trace", "power.json", "--", "sh", "-c", "sleep 1"],
        {0},
        "power.json",
    ),
    "compare": (
        ["compare", ".", ".", "--suite", "tiny.toml", "--pairs", "1", "--fake-power", "8"]
        + ["--case", "dense"],
        {3},
        "runs/compare/*/*/pair-01/done",
    ),
}
LONGEST_S = {"run": 4.0, "report": 1.5, "nightly": 5.0, "prune": 2.0, "measure": 1.2}
ONCE = ("run", "compare")  # what these have finished is never done again
ENDS_S = 30.0  # of work that is unwound for 5 s at most, on a machine that does much else
READERS = {  # what each kind of file is whole by
    ".json": lambda path: json.loads(path.read_text()) is not None,
    ".pt": lambda path: zipfile.ZipFile(str(path)).testzip() is None,
    ".npz": lambda path: zipfile.ZipFile(str(path)).testzip() is None,
    ".html": lambda path: path.read_text().rstrip().endswith("</html>"),
}
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="/proc tells who is left behind"
)


def place(tmp_path, name):
    """A folder with what a command needs."""
    folder = tmp_path / "first"
    folder.mkdir()
    tiny_suite.write(folder)
    if name == "report":
        assert start(folder, RUN).wait(120) == 0
    return folder


def check(name, code, err, number):
    """True if the signal came in time; then one sentence and the signal's exit code were given."""
    assert "Traceback" not in err and "KeyboardInterrupt" not in err, err
    assert "Exception ignored" not in err, err
    told = [line for line in err.splitlines() if "stopped" in line]
    if code in COMMANDS[name][1] | {-number} and not told:
        return False  # it had ended, or Python was ending
    assert code == 128 + number, (code, err)
    if name == "measure" and "J in" in err:
        return True  # the command was told to end, and its reading is given as ever
    assert len(told) == 1 and told[0] == err.splitlines()[-1], err
    assert "goes on" in told[0] or "begins anew" in told[0] or "before" in told[0], err
    return True


def check_whole(folder):
    """Whatever is there is there whole; what is hidden is unfinished, and says so by that."""
    for path in folder.rglob("*"):
        shown = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in shown.parts):
            assert path.suffix not in (".part", ".tmp"), shown
            assert READERS.get(path.suffix, Path.exists)(path), shown


def finished(folder, name):
    """{path: modification time} of what a command has made."""
    return {path: path.stat().st_mtime for path in folder.glob(COMMANDS[name][2])}


def torture(first, name, moments, seed, longest_s):
    """(how often of so many moments it was stopped, the longest that an end took in seconds).

    A command that got through before its signal begins once more in a copy of the first folder.
    """
    chance, stops, slowest_s = random.Random(seed), 0, 0.0
    words = COMMANDS[name][0]
    folder, seen = None, {}
    for turn in range(moments):
        if folder is None:
            folder, seen = first.parent / str(turn), {}
            shutil.copytree(str(first), str(folder))
        number = (signal.SIGINT, signal.SIGTERM)[turn % 2]
        process = start(folder, words)
        # the first early: on a quick machine a later one may come when all is done
        ends_within(process, chance.uniform(0.0, longest_s) if turn else 0.3)
        everybody = number == signal.SIGINT or chance.random() < 0.5
        code, err, seconds = stopped(process, number, everybody)
        in_time = check(name, code, err, number)
        stops, slowest_s = stops + in_time, max(slowest_s, seconds)
        check_whole(folder)
        now = finished(folder, name)
        if name in ONCE:
            assert all(now.get(path) == when for path, when in seen.items()), "done twice"
        seen = now
        if not in_time:
            assert now
            folder = None
    if folder is not None:
        check_goes_on(folder, name, seen)
    return stops, slowest_s


def check_goes_on(folder, name, seen):
    """Let alone, the same command does what is left to do, and that only."""
    words, ends, _ = COMMANDS[name]
    process = start(folder, words)
    _, err = process.communicate(timeout=120)
    assert process.returncode in ends, (process.returncode, err.decode())
    check_whole(folder)
    last = finished(folder, name)
    assert last and (name not in ONCE or all(last[path] == seen[path] for path in seen))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_stopped_at_any_moment_it_says_so_and_goes_on(tmp_path, name):
    stops, slowest_s = torture(place(tmp_path, name), name, 6, name, LONGEST_S.get(name, 5.0))
    assert stops >= 1 and slowest_s < ENDS_S


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_stopped_at_fifty_moments_it_says_so_and_goes_on(tmp_path, name, capsys):
    """Over all that it does: how long that takes here, the command says when it is let alone."""
    first = place(tmp_path, name)
    alone = tmp_path / "alone"
    shutil.copytree(str(first), str(alone))
    process = start(alone, COMMANDS[name][0])
    begin = time.monotonic()
    process.communicate(timeout=120)
    longest_s = time.monotonic() - begin
    stops, slowest_s = torture(first, name, 50, name + " again", longest_s)
    with capsys.disabled():
        print(
            "\n{}: stopped {} of 50 times within its {:.1f} s, ended in at most {:.2f} s".format(
                name, stops, longest_s, slowest_s
            )
        )
    assert stops >= 25 and slowest_s < ENDS_S


def test_a_night_that_was_stopped_measures_everything_all_the_same(tmp_path):
    """Its cases are tried twice each, so one stop costs none."""
    folder = place(tmp_path, "nightly")
    words, ends, made = COMMANDS["nightly"]
    process = start(folder, words)
    for line in iter(process.stderr.readline, b""):
        if b"started" in line:
            break
    code, err, _ = stopped(process, signal.SIGTERM, everybody=False)
    assert check("nightly", code, err, signal.SIGTERM)
    process = start(folder, words)
    process.communicate(timeout=120)
    assert process.returncode in ends and finished(folder, "nightly")
    assert len(list(folder.glob(made.replace("night.json", "[!.]*/run.json")))) == 2


def test_every_command_that_goes_on_or_writes_is_stopped_here():
    resuming = {each.name for each in command_line.COMMANDS if each.resumes}
    assert resuming - {"gate"} <= set(COMMANDS)  # gate only reads, within a second
