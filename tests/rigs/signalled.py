"""Commands in a process group of their own, stopped by a signal to one or all of the group."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HUNG_S = 60.0  # a command that has not ended by then will not; a busy machine takes 10 s


def hear():
    """What a child does before its program: a shell's background job ignores Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def start(folder, words):
    """The started command, in a group of its own, as soon as it minds signals."""

    def prepare():
        os.setsid()
        hear()

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
    """True if it did."""
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
    """(exit code, stderr, seconds until the end) after a signal; nobody of the group is left."""
    begin = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if everybody else os.kill)(process.pid, number)
    try:
        err = process.communicate(timeout=HUNG_S)[1].decode()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    seconds = time.monotonic() - begin
    for _ in range(10000):  # the kernel tells orphans that their parent died; they end by that
        if not left_behind(process.pid):
            break
    assert left_behind(process.pid) == [], err
    return process.returncode, err, seconds
