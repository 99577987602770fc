"""The simulated board of `simulated_nights.py`: a git repository of its own."""

import json
import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST = date(2026, 9, 1)
CODE = ("bench", "devices", "edgejoule", "prune", "reports")
FILES = ("edgejoule.py", "edgejoule.toml", "LICENSE")
BOARD_PY = '''\
"""A simulated board: the watts of board.json, replayed as a noisy trace."""
import json
import math
import os
import random
from pathlib import Path

from edgejoule.devices.adapters import replay
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.reading import Sample
from edgejoule.devices.trace import PowerTrace

BOARD = Path(__file__).resolve().parent.parent.parent / "board.json"


def present():
    """False: it is played only when asked for."""
    return False


def open(source=None, clock=MACHINE):
    """The board, as noisy as tonight is."""
    board = json.loads(BOARD.read_text())
    level = board["watts"] * float(os.environ.get("SIMULATED_LEVEL", "1"))
    chance = random.Random(repr(level))
    watts = tuple(level * math.exp(chance.gauss(0, 0.01)) for _ in range(2000))
    trace = PowerTrace(tuple(0.005 * n for n in range(2000)), watts, "replayed")
    return Board(trace, board["mode"], clock)


class Board(replay.Player):
    """The player of the trace as a counter of joules, with a board's name and power mode."""

    def __init__(self, trace, mode, clock):
        super().__init__(trace, "board", clock)
        self._mode, self._joules, self._last_s = mode, 0.0, None

    def read(self):
        """Joules since it was opened: a late look loses nothing."""
        sample = super().read()[-1]
        if self._last_s is not None:
            self._joules += sample.watts * (sample.time_s - self._last_s)
        self._last_s = sample.time_s
        return [Sample(joules=self._joules, time_s=sample.time_s)]

    def info(self):
        """What it says of itself, first of all that it is not real."""
        return super().info()._replace(adapter="simulated", name="Simulated board",
                                       power_mode=self._mode, period_s=0.1, sensing="counter",
                                       fake="a simulated board")

    def notes(self):
        """Tonight's trouble."""
        stranger = os.environ.get("SIMULATED_STRANGER")
        return super().notes() + (["other processes on this GPU: " + stranger]
                                  if stranger else [])
'''
DIGITS_PY = '''\
"""The digits, each batch at the tick of a clock: seconds that do not depend on the machine."""
import time

from edgejoule.bench.datasets import digits
from edgejoule.bench.datasets.digits import CHECKSUMS, CLASSES, INPUT_SHAPE, LICENCE
from edgejoule.bench.datasets.digits import TEST_IMAGES, TRAIN_IMAGES

TICK_S = 0.06  # longer than a batch takes


class Clock:
    """Lets a batch through at every tick from the first of an epoch on.

    An epoch of 1442 pictures in batches of 120 ends with a batch of two: it lasts 12 ticks and
    what those two take.
    """

    def __init__(self):
        self.begun, self.seen = 0.0, 0

    def augment(self, x, generator):
        """The batch as it came, not before it is due."""
        if self.seen == 0:
            self.begun = time.monotonic()
        due = self.begun + self.seen * TICK_S
        while time.monotonic() < due:
            time.sleep(0.001)
        self.seen = 0 if len(x) < 120 else self.seen + 1
        return x


def load(root=None):
    """The digits, paced."""
    return digits.load(root)._replace(augment=Clock().augment)
'''
MODEL_PY = '''\
"""A small network for small pictures: it learns the digits in one short epoch."""
from torch import nn

INPUT_SHAPE = (1, 8, 8)
CLASSES = 10


def build(classes=10, channels=1):
    """Two convolutions with batch norm and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, classes))
'''
SUITE = """\
question = "What does a night on the simulated board cost?"
note = "A simulated board: watts are replayed, seconds are paced by a clock."
model = "smallcnn"
dataset = "paced_digits"
[train]
epochs = 1
batch_size = 120
learning_rate = 0.1
threads = 1
seed = [0, 1]
[measure]
power = "simulated"
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""
SUBJECTS = (
    "Tell the reader what a mask is",
    "Shorten a docstring",
    "Name the rail in a message",
    "Sort the imports",
    "Test an empty trace",
    "Explain the cool-down",
    "Fix a typo",
)


class Board:
    """The repository of the simulated board."""

    def __init__(self, folder):
        self.folder = folder

    def make(self):
        """A new repository with this code and the board in it."""
        self.folder.mkdir(parents=True)
        for name in CODE:
            shutil.copytree(
                str(ROOT / name),
                str(self.folder / name),
                symlinks=True,
                ignore=shutil.ignore_patterns("__pycache__", "*.so", "out"),
            )
        for name in FILES:
            if (ROOT / name).exists():
                shutil.copy(str(ROOT / name), str(self.folder))
        self.write("devices/adapters/simulated.py", BOARD_PY)
        self.write("bench/datasets/paced_digits.py", DIGITS_PY)
        self.write("bench/models/smallcnn.py", MODEL_PY)
        self.write("bench/suites/nights.toml", SUITE)
        self.write(".gitignore", "__pycache__/\nruns/\n*.so\n")
        self.git("init", "-q")
        self.set(FIRST, "Begin with a simulated board", watts=7.2, mode="15W")

    def set(self, day, subject, **changes):
        """A commit that changes what the board does."""
        path = self.folder / "board.json"
        now = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(dict(now, **changes)) + "\n")
        self.commit(day, subject)

    def note(self, day, subject):
        """A commit that changes no number."""
        with open(str(self.folder / "NOTES.md"), "a") as notes:
            notes.write("{}: {}\n".format(day, subject))
        self.commit(day, subject)

    def commit(self, day, subject):
        """Everything as it is, dated that day."""
        when = "{}T18:00:00 +0000".format(day)
        self.git("add", "-A")
        self.git(
            "-c",
            "user.name=Board",
            "-c",
            "user.email=board@localhost",
            "commit",
            "-q",
            "-m",
            subject,
            GIT_AUTHOR_DATE=when,
            GIT_COMMITTER_DATE=when,
        )

    def write(self, name, text):
        """A file of the repository."""
        (self.folder / name).write_text(text, encoding="utf8")

    def git(self, *words, **environment):
        """Git, in the repository."""
        subprocess.check_call(
            ("git", "-C", str(self.folder)) + words, env=dict(os.environ, **environment)
        )
