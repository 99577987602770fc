"""Walks a suite: one fresh process per case, one after the other or several side by side.

What is done is skipped, what broke goes on after its last finished phase. Free of torch: only the
workers pay for importing it.
"""

import ctypes
import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from edgejoule import launch, plugins
from edgejoule.bench import bundle, suite
from edgejoule.bench.estimates.remaining import Remaining
from edgejoule.bench.pool import Place, Pool
from edgejoule.stopping import BY_SIGNAL

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
REFUSED = 4


class Tally(NamedTuple):
    """What a walk did, by case id in the suite's order."""

    ran: List[str]
    skipped: List[str]
    failed: List[str]
    resumed: List[str]  # had been begun before and did not finish
    refused: List[str]  # cannot be done as asked: no case was begun after it


def run(
    asked: suite.Suite,
    runs,
    say,
    most_attempts=None,
    expected: Sequence[Optional[float]] = (),
    pool: Optional[Pool] = None,
    share: bool = False,
) -> Tally:
    """Runs every case of a suite that is not done; `say(sentence)` between them.

    A case that was begun `most_attempts` times without an end is not begun again. `expected` are
    the seconds that every case should take, None where not known; workers show what is left.
    Without a `pool` one case runs after the other. With `share`, what several cases train alike is
    trained and measured once.

    Raises:
        ValueError: another process works on this suite, or the disk cannot be written.
    """
    folder = bundle.folder(runs, asked.name)
    ids = [suite.case_id(case) for case in asked.cases]
    with bundle.lock(folder / ".lock", "suite {}".format(asked.name)), pool or Pool() as workers:
        bundle.write_suite(
            folder,
            asked.name,
            asked.question,
            asked.note,
            [(i, suite.label(c)) for i, c in zip(ids, asked.cases)],
        )
        walk = _Walk(asked, ids, folder, say, workers, expected, share)
        for number in range(len(ids)):
            place = workers.free()  # first: nothing is looked up beside a worker that measures
            if walk.tally.refused:
                break
            if not walk.given_up(number, most_attempts):
                walk.case(number, place)
        workers.finish()
    turn = {case_id: number for number, case_id in enumerate(ids)}
    return Tally(*(sorted(each, key=turn.__getitem__) for each in walk.tally))


class _Walk:
    """A walk through the cases of a suite: what became of each, and how long the rest takes."""

    def __init__(self, asked, ids, folder, say, pool, expected, share):
        self._asked, self._ids, self._folder, self._say, self._pool = asked, ids, folder, say, pool
        self._share = share
        self.tally = Tally([], [], [], [], [])
        left = sum(not (folder / each / bundle.RECORD).exists() for each in ids)
        self._at_once = max(1, min(pool.size, left))
        methods = [suite.method(case) for case in asked.cases]
        self._remaining = Remaining(methods, expected, self._at_once)

    def given_up(self, number, most_attempts) -> bool:
        """True for a case that was begun too often; that is told and counted."""
        case_id = self._ids[number]
        begun = bundle.attempts_so_far(bundle.open_folder(self._folder, case_id))
        if most_attempts is None or begun < most_attempts or bundle.is_done(self._folder, case_id):
            return False
        self.tally.failed.append(case_id)
        self._tell(number, "given up: {} attempts did not finish".format(most_attempts))
        return True

    def case(self, number, place) -> None:
        """Starts a case in a free place, unless it is done."""
        case_id = self._ids[number]
        if bundle.is_done(self._folder, case_id):
            self.tally.skipped.append(case_id)
            return
        path, attempts = bundle.begin(self._folder, case_id)
        if attempts > 1:
            self.tally.resumed.append(case_id)
        self._tell(
            number,
            "started"
            if attempts == 1
            else "an earlier attempt did not finish; attempt {}".format(attempts),
        )
        job = {
            "suite": self._asked.name,
            "case_id": case_id,
            "attempts": attempts,
            "case": self._asked.cases[number]._asdict(),
            "plugins": plugins.used(),
            "eta": self._remaining.eta(number),
            "share": self._share,
        }
        job.update(self._beside_others(number, place))
        bundle.write_text(path / "case.json", json.dumps(job, indent=1) + "\n")
        ended = partial(self._done, number, path, self._pool.clock.now())
        self._pool.work(place, start_worker(path, place), ended)

    def _beside_others(self, number, place) -> Dict[str, Any]:
        """What a worker is told only where several share the machine."""
        told: Dict[str, Any] = {}
        if place.threads is not None:  # by the places there are: it must not change at a resume
            told["threads"] = place.threads
        if self._at_once > 1:
            told.update(side_by_side=self._at_once, title=self._title(number))
        return told

    def _done(self, number, path, begun_s, code) -> None:
        """Closes the bundle of a worker that has ended well, or tells how it ended."""
        case_id = self._ids[number]
        if code:
            (self.tally.refused if code == REFUSED else self.tally.failed).append(case_id)
            self._tell(number, _ended(code, path / "log"))
            return
        bundle.finish(path, self._folder, case_id)
        self.tally.ran.append(case_id)
        self._remaining.took(number, self._pool.clock.now() - begun_s)

    def _title(self, number) -> str:
        return "[{}/{}] {}".format(number + 1, len(self._ids), self._ids[number])

    def _tell(self, number, sentence) -> None:
        self._say("{}: {}".format(self._title(number), sentence))


def _ended(code: int, log: Path) -> str:
    """How a worker ended that did not end well, in words."""
    if code > 0:
        return "failed with exit code {}; its log is {}".format(code, log)
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a signal that this Python has no name for
        name = str(-code)
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return "was killed by {}{}; its log is {}".format(name, hint, log)


def start_worker(path: Path, place: Place) -> "subprocess.Popen[bytes]":
    """A fresh process that does the case in a folder, begun in a place of its own."""
    command = launch.command("bench.worker", str(path.resolve()))
    environment = dict(os.environ, **place.environment)
    return subprocess.Popen(command, preexec_fn=attached(), env=environment)


def attached() -> Callable[[], None]:
    """What a child does before its program, so that this process ends it and nobody else does.

    A runner that is killed takes its worker along: nobody trains unobserved. Ctrl-C, which a
    terminal sends to the child too, is left to the runner, which has one sentence for it.
    """
    parent = os.getpid()

    def attach() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        except (AttributeError, OSError):  # not Linux: the worker ends on its own
            return
        if os.getppid() != parent:  # it ended between the fork and this, and will not again
            os._exit(BY_SIGNAL + signal.SIGKILL)

    return attach
