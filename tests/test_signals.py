"""Ctrl-C and SIGTERM at any moment: one sentence, nobody left behind, and the next call goes on.

Real processes in a group of their own, stopped at moments that a seed draws, again and again until
the command is let alone; what was finished by then must not be done again.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgejoule import command_line

ROOT = Path(__file__).resolve().parent.parent
TINY = """
question = "Does it go on?"
model = "vanillacnn"
dataset = "digits"
[train]
epochs = 1
batch_size = 512
threads = 1
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""
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
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="/proc tells who is left behind"
)


def place(tmp_path):
    """A folder with what every command needs."""
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def start(folder, words):
    """The started command, in a group of its own, as soon as it minds signals."""

    def prepare():
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores Ctrl-C
            signal.signal(number, signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, str(ROOT / "edgejoule.py")] + words,
        cwd=str(folder),
        env=dict(os.environ, EDGEJOULE_LOCKS=str(folder / "locks")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
    )
    while not minds(process.pid, signal.SIGTERM) and not ends_within(process, 0.002):
        pass
    return process


def minds(pid, number):
    """True if the process has a handler for a signal: before that Python itself is starting."""
    try:
        text = Path("/proc/{}/status".format(pid)).read_text()
    except OSError:
        return False
    caught = [line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:")]
    return bool(caught) and bool(int(caught[0], 16) >> (number - 1) & 1)


def ends_within(process, seconds):
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False


def left_behind(group):
    """Process ids of a group, zombies aside."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def stopped(process, number, everybody):
    """(exit code, stderr) of a command after a signal, when nobody of its group is left."""
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if everybody else os.kill)(process.pid, number)
    try:
        err = process.communicate(timeout=60)[1].decode()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    for _ in range(10000):  # the kernel tells orphans that their parent died; they end by that
        if not left_behind(process.pid):
            break
    assert left_behind(process.pid) == [], err
    return process.returncode, err


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


def finished(folder, name):
    """{path: modification time} of what a command has made."""
    return {path: path.stat().st_mtime for path in folder.glob(COMMANDS[name][2])}


def torture(folder, name, moments, seed):
    """Stops a command at so many moments, then lets it end."""
    chance, seen, stops = random.Random(seed), {}, 0
    words, ends, _ = COMMANDS[name]
    for turn in range(moments):
        number = (signal.SIGINT, signal.SIGTERM)[turn % 2]
        process = start(folder, words)
        # the first early: on a quick machine a later one may come when all is done
        ends_within(process, chance.uniform(0.0, LONGEST_S.get(name, 5.0)) if turn else 0.3)
        everybody = number == signal.SIGINT or chance.random() < 0.5
        stops += check(name, *stopped(process, number, everybody), number=number)
        now = finished(folder, name)
        if name in ONCE:
            assert all(now.get(path) == when for path, when in seen.items()), "done twice"
        seen = now
    process = start(folder, words)
    out, err = process.communicate(timeout=120)
    assert process.returncode in ends, (process.returncode, err.decode())
    last = finished(folder, name)
    assert last and (name not in ONCE or all(last[path] == seen[path] for path in seen))
    return stops


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_stopped_at_any_moment_it_says_so_and_goes_on(tmp_path, name):
    folder = place(tmp_path)
    if name == "report":
        assert start(folder, RUN).wait(120) == 0
    assert torture(folder, name, 6, seed=name) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_stopped_at_fifty_moments_it_says_so_and_goes_on(tmp_path, name):
    folder = place(tmp_path)
    if name == "report":
        assert start(folder, RUN).wait(120) == 0
    torture(folder, name, 50, seed=name + " again")


def test_a_night_that_was_stopped_measures_everything_all_the_same(tmp_path):
    """Its cases are tried twice each, so one stop costs none."""
    folder = place(tmp_path)
    words, ends, made = COMMANDS["nightly"]
    process = start(folder, words)
    for line in iter(process.stderr.readline, b""):
        if b"started" in line:
            break
    code, err = stopped(process, signal.SIGTERM, everybody=False)
    assert check("nightly", code, err, signal.SIGTERM)
    process = start(folder, words)
    process.communicate(timeout=120)
    assert process.returncode in ends and finished(folder, "nightly")
    assert len(list(folder.glob(made.replace("night.json", "[!.]*/run.json")))) == 2


def test_every_command_that_goes_on_or_writes_is_stopped_here():
    resuming = {each.name for each in command_line.COMMANDS if each.resumes}
    assert resuming - {"gate"} <= set(COMMANDS)  # gate only reads, within a second
