"""Command lines that cannot be right, drawn from what the parsers themselves say they take.

Each gets one line on stderr and exit code 4; nothing is printed as a result, nothing is written.
"""

import importlib
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgejoule import command_line

LIMIT_S = 120.0  # a line that is not refused by then has begun to work
STRANGE = [
    "",
    " ",
    "é",
    "\u65e5\u672c\u8a9e",
    "\udcff",  # a byte that is no UTF-8
    "x" * 5000,
    "nan",
    "../..",
    "/nowhere/at/all",
    "two\nlines",
    "\x1b[31m",
    "%s{}",
]
NO_NUMBER = ["abc", "", " ", "½", "1,5", "0x10", "x" * 3000, "two\nlines"]
NO_COUNT = ["0", "-3", "1000000"]  # of cases side by side
NO_AMOUNT = ["nan", "inf", "-inf", "-1", "1e999"]
# what may be negative, and what `calibrate` looks at when its meter has answered
ANY_NUMBER = {("prune", "--seed"), ("calibrate", "--hold"), ("calibrate", "--meter-percent")}
FLAWED = ["", "x", "=3", "train.epochs", "nowhere.x=1", "train.nothing=1", "train.epochs=-1"]
FLAWED += ["train.epochs=nan", "train.epochs=", "train.seed=" + "9" * 23, "prune.ratio=inf"]
POWER = ["", "abc", "nan", "-5", "0", "inf", "/nowhere/at/all", "x" * 5000]
BASE = {  # words without which a command refuses whatever else is wrong
    "run": ["quick"],
    "nightly": ["quick"],
    "compare": ["--suite", "quick"],
    "new": ["model", "fine"],
    "show": ["fine"],
    "calibrate": ["--against", "external:/nowhere"],
    "prune": ["--model", "lenet5", "--criterion", "l2", "--ratio", "0.5"],
    "flops": ["--model", "lenet5", "--dataset", "mnist"],
}
# values that a command refuses, of options that take words; "" is the positional argument
REFUSED = {
    ("run", ""): STRANGE,
    ("run", "--set"): FLAWED + STRANGE,
    ("run", "--sweep"): FLAWED + STRANGE,
    ("run", "--fake-power"): POWER + STRANGE,
    ("run", "--jobs"): NO_COUNT,
    ("nightly", ""): STRANGE,
    ("nightly", "--set"): FLAWED + STRANGE,
    ("nightly", "--fake-power"): POWER + STRANGE,
    ("nightly", "--night"): STRANGE + ["2026-13-45", "2026-02-30"],
    ("compare", ""): STRANGE,
    ("compare", "--suite"): STRANGE,
    ("compare", "--a"): FLAWED + STRANGE,
    ("compare", "--b"): FLAWED + STRANGE,
    ("compare", "--set"): FLAWED + STRANGE,
    ("compare", "--fake-power"): POWER + STRANGE,
    ("compare", "--fake-power-a"): POWER + STRANGE,
    ("gate", ""): STRANGE,
    ("gate", "--night"): STRANGE,
    ("bless", ""): STRANGE,
    ("list", ""): STRANGE,
    ("new", ""): [each for each in STRANGE if not each.isidentifier() or len(each) > 99],
    ("show", ""): STRANGE,
    ("verify", ""): STRANGE,
    ("report", ""): STRANGE,
    ("report", "--runs"): STRANGE,
    ("report", "--convention"): STRANGE,
    ("history", "--history"): ["/nowhere/at/all", "x" * 5000],
    ("papers", ""): STRANGE,
    ("devices", "--sysfs"): ["/nowhere/at/all", "x" * 5000, ""],
    ("doctor", "--power"): STRANGE,
    ("doctor", "--fake-power"): POWER + STRANGE,
    ("doctor", "--sysfs"): ["/nowhere/at/all", "x" * 5000, ""],
    ("calibrate", "--against"): STRANGE,
    ("watch", "--power"): STRANGE,
    ("watch", "--fake-power"): POWER + STRANGE,
    ("measure", "--power"): STRANGE,
    ("measure", "--fake-power"): POWER + STRANGE,
    ("prune", "--model"): STRANGE,
    ("prune", "--factory"): STRANGE,
    ("prune", "--checkpoint"): STRANGE,
    ("prune", "--input-shape"): STRANGE,
    ("prune", "--criterion"): STRANGE,
    ("prune", "--layer-ratio"): STRANGE + ["conv1=2", "conv1=nan", "=0.5"],
    ("prune", "--option"): FLAWED + STRANGE,
    ("prune", "--mode"): STRANGE,
    ("prune", "--scope"): STRANGE,
    ("prune", "--multiple-of"): STRANGE + ["0", "-1", "1.5"],
    ("prune", "--export"): STRANGE,
    ("flops", "--model"): STRANGE,
    ("flops", "--dataset"): STRANGE,
    ("flops", "--set"): FLAWED + STRANGE,
    ("flops", "--convention"): STRANGE,
    ("kernels", ""): STRANGE,
    ("zoo", ""): STRANGE,
    ("zoo", "--kinds"): STRANGE,
    ("meter-bench", "--only"): STRANGE,
}


class Options:
    """Stands for a parser, and keeps the options that a command adds to it."""

    def __init__(self):
        self.flags, self.valued, self.typed = [], [], []

    def add_argument(self, *names, **more):
        if not names[0].startswith("-"):
            return
        if more.get("action") == "store_true":
            self.flags.append(names[-1])
        elif more.get("nargs") is None:
            (self.typed if more.get("type") else self.valued).append(names[-1])

    def add_mutually_exclusive_group(self, **_):
        return self


def options(command):
    """What a command takes."""
    found = Options()
    name = "edgejoule.{}.commands.{}".format(command.package, command.name.replace("-", "_"))
    importlib.import_module(name).arguments(found)
    return found


ALL = {command.name: options(command) for command in command_line.COMMANDS}


@st.composite
def wrong_lines(draw):
    """A command line with at least one thing in it that cannot be right."""
    name = draw(st.sampled_from(sorted(ALL)))
    takes, base = ALL[name], BASE.get(name, [])
    words = [key[1] for key in REFUSED if key[0] == name]
    kind = draw(st.sampled_from(["unknown", "no value", "type"] + 3 * ["word"]))
    if kind == "word" and words:
        option = draw(st.sampled_from(words))
        value = draw(st.sampled_from(REFUSED[name, option]))
        return [name] + (instead(base, name, value) if not option else base + [option, value])
    noise = draw(st.lists(st.sampled_from(takes.flags), max_size=2)) if takes.flags else []
    if kind == "no value" and takes.valued + takes.typed:
        return [name] + base + noise + [draw(st.sampled_from(takes.valued + takes.typed))]
    if kind == "type" and takes.typed:
        option = draw(st.sampled_from(takes.typed))
        numbers = NO_NUMBER + ([] if (name, option) in ANY_NUMBER else NO_AMOUNT)
        return [name] + base + [option, draw(st.sampled_from(numbers))]
    unknown = draw(st.sampled_from(["--no-such-option", "-Z", "--\u65e5\u672c", "--two\nlines"]))
    return [name] + noise + [unknown] + draw(st.lists(st.sampled_from(STRANGE), max_size=2))


def instead(base, name, value):
    """The base with a strange word where its positional argument is."""
    return ["model", value] if name == "new" else ([] if name in BASE else base) + [value]


@contextmanager
def no_work():
    """Fails whoever starts a process of ours, or does not come to an end."""
    begin = subprocess.Popen

    def guarded(words, *args, **more):
        assert words[0] != sys.executable, "a wrong line began to work: {}".format(words)
        return begin(words, *args, **more)

    def late(*_):
        raise AssertionError("a wrong line was not refused within {} s".format(LIMIT_S))

    kept = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    subprocess.Popen = guarded
    try:
        yield
    finally:
        subprocess.Popen = begin
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, kept)


def exit_code(words):
    try:
        return command_line.main(words)
    except SystemExit as error:  # the parser's own
        return error.code


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory() as locks:
        monkeypatch.setenv("EDGEJOULE_LOCKS", locks)
        yield tmp_path


def check(words, folder, capsys):
    """A line is refused: how, and that it left nothing behind."""
    with no_work():
        code = exit_code(words)
    out, err = capsys.readouterr()
    shown = (words, code, out[:2000], err[:2000])
    assert code == 4, shown
    assert err.startswith("edgejoule: ") and err.count("\n") == 1 and err.endswith("\n"), shown
    assert "Traceback" not in err and out == "", shown
    assert os.listdir(str(folder)) == [], (shown, os.listdir(str(folder)))


@settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(words=wrong_lines())
def test_what_cannot_be_right_is_one_line_and_exit_code_4(words, empty, capsys):
    check(words, empty, capsys)


def test_every_command_is_drawn():
    assert set(ALL) == {command.name for command in command_line.COMMANDS}
    assert {name for name, _ in REFUSED} >= set(ALL) - {"kernels"}


@pytest.mark.slow
@settings(
    max_examples=2000,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(words=wrong_lines())
def test_what_cannot_be_right_is_refused_two_thousand_times(words, empty, capsys):
    check(words, empty, capsys)
