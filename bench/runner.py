"""Walks a suite: one fresh process per case.

What is done is skipped, what broke goes on after its last finished phase. Free of torch: only the
workers pay for importing it.
"""

import ctypes
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Sequence

from edgejoule import launch, plugins
from edgejoule.bench import bundle, suite
from edgejoule.bench.estimates.remaining import Remaining
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.stopping import BY_SIGNAL

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
REFUSED = 4


class Tally(NamedTuple):
    """What a walk did, by case id."""

    ran: List[str]
    skipped: List[str]
    failed: List[str]
    resumed: List[str]  # had been begun before and did not finish
    refused: List[str]  # cannot be done as asked: the walk ended there


def run(
    asked: suite.Suite,
    runs,
    say,
    most_attempts=None,
    expected: Sequence[Optional[float]] = (),
    clock: Clock = MACHINE,
    share: bool = False,
) -> Tally:
    """Runs every case of a suite that is not done; `say(sentence)` between them.

    A case that was begun `most_attempts` times without an end is not begun again. `expected` are
    the seconds that every case should take, None where not known; workers show what is left.

    Raises:
        ValueError: another process works on this suite, or the disk cannot be written.
    """
    folder = bundle.folder(runs, asked.name)
    ids = [suite.case_id(case) for case in asked.cases]
    tally = Tally([], [], [], [], [])
    remaining = Remaining([suite.method(case) for case in asked.cases], expected)
    with bundle.lock(folder / ".lock", "suite {}".format(asked.name)):
        bundle.write_suite(
            folder,
            asked.name,
            asked.question,
            asked.note,
            [(i, suite.label(c)) for i, c in zip(ids, asked.cases)],
        )
        for number, (case_id, case) in enumerate(zip(ids, asked.cases), 1):
            title = "[{}/{}] {}".format(number, len(ids), case_id)
            if _given_up(folder, case_id, most_attempts):
                tally.failed.append(case_id)
                say("{}: given up: {} attempts did not finish".format(title, most_attempts))
                continue
            before, begun_s = len(tally.ran), clock.now()
            eta = remaining.eta(number - 1)
            _case(
                folder,
                asked.name,
                case_id,
                case,
                {"eta": eta, "share": share},
                tally,
                lambda s, t=title: say(t + ": " + s),
            )
            if len(tally.ran) > before:
                remaining.took(number - 1, clock.now() - begun_s)
            if tally.refused:
                break
    return tally


def _given_up(folder, case_id, most_attempts) -> bool:
    begun = bundle.attempts_so_far(bundle.open_folder(folder, case_id))
    return (
        most_attempts is not None and begun >= most_attempts and not bundle.is_done(folder, case_id)
    )


def _case(folder, suite_name, case_id, case, how, tally, say):
    if bundle.is_done(folder, case_id):
        tally.skipped.append(case_id)
        return
    path, attempts = bundle.begin(folder, case_id)
    if attempts > 1:
        tally.resumed.append(case_id)
    say(
        "started"
        if attempts == 1
        else "an earlier attempt did not finish; attempt {}".format(attempts)
    )
    job = {
        **how,
        "suite": suite_name,
        "case_id": case_id,
        "attempts": attempts,
        "case": case._asdict(),
        "plugins": plugins.used(),
    }
    bundle.write_text(path / "case.json", json.dumps(job, indent=1) + "\n")
    code = run_worker(path)
    if code:
        (tally.refused if code == REFUSED else tally.failed).append(case_id)
        say(_ended(code, path / "log"))
        return
    bundle.finish(path, folder, case_id)
    tally.ran.append(case_id)


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


def run_worker(path: Path) -> int:
    """Exit code of a fresh process that does the case in a folder."""
    command = launch.command("bench.worker", str(path.resolve()))
    return subprocess.call(command, preexec_fn=attached())


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
