"""Makes a history of real nights on a simulated board, with a step that only its code explains.

    python tests/rigs/simulated_nights.py OUT [--nights 60] [--step 50] [--percent 5] [--seed 0]

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
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rigs import ended_worker  # noqa: E402
from rigs.simulated_board import FIRST, SUBJECTS, Board  # noqa: E402

LONGEST_S = 0.77  # of a phase: twelve ticks of 0.06 s and what its edges take


def history(board, args):
    """Does every night; run by a process whose code is the board's."""
    import pandas  # noqa: F401 imported once, before the forks
    import torch

    from edgejoule import command_line
    from edgejoule.bench import runner, worker
    from edgejoule.bench.datasets import digits
    from edgejoule.bench.nights import night_stages, night_work

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)  # imports what a case would
    pictures = digits.load()
    digits.load = lambda root=None: pictures
    runner.start_worker = ended_worker.instead(
        lambda path: unstarved(path, lambda: forked(lambda: worker.main(path)))
    )
    night_stages.edgejoule = lambda words: (
        forked(lambda: command_line.main(words), quiet=True),
        "see its own message",
    )
    chance, percent = random.Random(args.seed), 1 + args.percent / 100
    options = {
        "suite": "nights",
        "overrides": [],
        "confirm": True,
        "keep_traces": 28,
        "cool_to": 45.0,
        "max_wait": 0.0,
        "doctor_seconds": 0.0,
    }
    for number in range(1, args.nights + 1):
        day = FIRST + timedelta(number - 1)
        changed(board, number, day, args.step, percent, chance)
        os.environ["SIMULATED_LEVEL"] = repr(1 + chance.gauss(0, 0.007))
        os.environ.pop("SIMULATED_STRANGER", None)
        if number == 20:
            os.environ["SIMULATED_STRANGER"] = "python3 train.py (pid 4711)"
        began = time.monotonic()
        done = night_work.tonight(
            args.out / "history", options, day.isoformat(), False, lambda text: told(text, args)
        )[-1]
        print(
            "{} {:12} {:5.1f} s {}".format(
                day, done["verdict"], time.monotonic() - began, "; ".join(done["notes"])[:200]
            ),
            flush=True,
        )


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


def unstarved(path, work) -> int:
    """Exit code of a case whose phases took no longer than their ticks, if five tries do."""
    for _ in range(5):
        code = work()
        if code:
            return code
        phases = json.loads((path / "run.json").read_text())["phases"]
        if all(phase["status"] != "invalid" and phase["seconds"] < LONGEST_S for phase in phases):
            return 0
    return 0


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
        os.execve(
            words[0],
            words,
            dict(
                os.environ,
                PYTHONPATH=str(board.folder),
                OMP_NUM_THREADS="1",
                EDGEJOULE_LOCKS=str(args.out / "locks"),
            ),
        )
    history(board, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
