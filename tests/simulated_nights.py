"""Makes a history of real nights on a simulated board, with a step that only its code explains.

    python tests/simulated_nights.py OUT [--nights 60] [--step 50] [--percent 5] [--seed 0]

OUT/board is a git repository of its own: this code and a simulated board, whose watts stand in
its `board.json`. Every night goes through the real stages of `edgejoule nightly`, trains real
networks on the digits and reads its power from a replayed trace. One commit raises the watts by
some percent; the nights after it need that much more, and so does an A/B of the two commits,
which the nightly does by itself when its gate rings.

What is simulated, and how:
- watts: those of board.json, replayed as a trace with 1 % of noise inside a run and 0.7 % from
  night to night. Every output says that the power is not real.
- seconds: training waits for a clock at every batch, so an epoch takes the same time on a busy
  machine as on an idle one; otherwise the noise of seconds would drown any step of joules.
- night 20 is invalid (a stranger on the GPU); before night 10 the power mode changes.
- no process is started for a case of a night: torch is imported once and each case is a fork.
  The A/B of two commits starts real processes, as it always does.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = date(2026, 9, 1)
CODE = ("bench", "devices", "prune", "reports")
FILES = ("edgejoule.py", "edgejoule.toml", "LICENSE")
BOARD_PY = '''\
"""A simulated board: the watts of board.json, replayed as a noisy trace."""
import json
import math
import os
import random
from pathlib import Path

from devices.adapters import replay
from devices.reading import Sample
from devices.trace import PowerTrace

BOARD = Path(__file__).resolve().parent.parent.parent / "board.json"


def present():
    """False: it is played only when asked for."""
    return False


def open(source=None):
    """The board, as noisy as tonight is."""
    board = json.loads(BOARD.read_text())
    level = board["watts"] * float(os.environ.get("SIMULATED_LEVEL", "1"))
    chance = random.Random(repr(level))
    watts = tuple(level * math.exp(chance.gauss(0, 0.01)) for _ in range(2000))
    trace = PowerTrace(tuple(0.005 * n for n in range(2000)), watts, "replayed")
    return Board(trace, board["mode"])


class Board(replay.Player):
    """The player of the trace as a counter of joules, with a board's name and power mode."""

    def __init__(self, trace, mode):
        super().__init__(trace, "board")
        self._mode, self._joules, self._last_s = mode, 0.0, None

    def read(self):
        """Joules since it was opened: a late look loses nothing."""
        sample = super().read()
        if self._last_s is not None:
            self._joules += sample.watts * (sample.time_s - self._last_s)
        self._last_s = sample.time_s
        return Sample(joules=self._joules, time_s=sample.time_s)

    def info(self):
        """What it says of itself, first of all that it is not real."""
        return super().info()._replace(adapter="simulated", name="Simulated board",
                                       power_mode=self._mode, period_s=0.01,
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

from bench.datasets import digits
from bench.datasets.digits import CHECKSUMS, CLASSES, INPUT_SHAPE, LICENCE
from bench.datasets.digits import TEST_IMAGES, TRAIN_IMAGES

TICK_S = 0.04  # longer than a batch takes


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
SUITE = '''\
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
period_s = 0.01
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
'''
SUBJECTS = ("Tell the reader what a mask is", "Shorten a docstring", "Name the rail in a message",
            "Sort the imports", "Test an empty trace", "Explain the cool-down", "Fix a typo")


class Board:
    """The repository of the simulated board."""

    def __init__(self, folder):
        self.folder = folder

    def make(self):
        """A new repository with this code and the board in it."""
        self.folder.mkdir(parents=True)
        for name in CODE:
            shutil.copytree(str(ROOT / name), str(self.folder / name),
                            ignore=shutil.ignore_patterns("__pycache__", "*.so", "out"))
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
        self.git("-c", "user.name=Board", "-c", "user.email=board@localhost", "commit", "-q",
                 "-m", subject, GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)

    def write(self, name, text):
        """A file of the repository."""
        (self.folder / name).write_text(text, encoding="utf8")

    def git(self, *words, **environment):
        """Git, in the repository."""
        subprocess.check_call(("git", "-C", str(self.folder)) + words,
                              env=dict(os.environ, **environment))


def history(board, args):
    """Does every night; run by a process whose code is the board's."""
    import edgejoule
    import pandas  # noqa: F401 imported once, before the forks
    import torch
    from bench import night_stages, night_work, runner, worker
    from bench.datasets import digits

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)  # imports what a case would
    pictures = digits.load()
    digits.load = lambda root=None: pictures
    runner._worker = lambda path: forked(lambda: worker.main(path))
    night_stages.edgejoule = lambda words: (forked(lambda: edgejoule.main(words), quiet=True),
                                            "see its own message")
    chance, percent = random.Random(args.seed), 1 + args.percent / 100
    options = {"suite": "nights", "overrides": [], "confirm": True, "keep_traces": 28,
               "cool_to": 45.0, "max_wait": 0.0, "doctor_seconds": 0.0}
    for number in range(1, args.nights + 1):
        day = FIRST + timedelta(number - 1)
        changed(board, number, day, args.step, percent, chance)
        os.environ["SIMULATED_LEVEL"] = repr(1 + chance.gauss(0, 0.007))
        os.environ.pop("SIMULATED_STRANGER", None)
        if number == 20:
            os.environ["SIMULATED_STRANGER"] = "python3 train.py (pid 4711)"
        began = time.monotonic()
        done = night_work.tonight(args.out / "history", options, day.isoformat(), False,
                                  lambda text: told(text, args))[-1]
        print("{} {:12} {:5.1f} s {}".format(day, done["verdict"], time.monotonic() - began,
                                             "; ".join(done["notes"])[:200]), flush=True)


def changed(board, number, day, step, percent, chance):
    """The commits of the day before a night."""
    if number == 10:
        board.set(day, "Run the board at MAXN", watts=8.0, mode="MAXN")
    if number % 4 == 2 or number == step:
        board.note(day, chance.choice(SUBJECTS))
    if number == step:
        now = json.loads((board.folder / "board.json").read_text())["watts"]
        board.set(day, "Prefetch more batches", watts=now * percent)
        board.note(day, chance.choice(SUBJECTS))


def forked(work, quiet=False) -> int:
    """Exit code of work done in a fork of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1
    code = 1
    try:
        if quiet:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = work()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def told(text, args):
    """What the stages say, where it is asked for."""
    if args.verbose or " 1/" in text or "/8]" in text:
        print("    {:.1f} {}".format(time.monotonic() % 1000, text), flush=True)


def main() -> int:
    """Exit code: 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--step", type=int, default=50, help="the first night of the step")
    parser.add_argument("--percent", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out = args.out.resolve()
    board = Board(args.out / "board")
    if not args.inside:
        board.make()
        words = [sys.executable, str(Path(__file__).resolve()), "--inside"] + sys.argv[1:]
        return subprocess.call(words, env=dict(
            os.environ, PYTHONPATH=str(board.folder), OMP_NUM_THREADS="1",
            EDGEJOULE_LOCKS=str(args.out / "locks")))
    history(board, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
