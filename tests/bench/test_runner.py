"""The runner: kill -9 at any time, and the same command still ends with every case done once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rigs import ended_worker

from edgejoule.bench import bundle, runner, suite

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = """
question = "Does it survive?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 1
batch_size = 512
seed = [0, 1, 2]
threads = 1
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""
KILLS = 20


def command(tmp_path, *more):
    (tmp_path / "tiny.toml").write_text(TINY)
    return [
        sys.executable,
        str(ROOT / "edgejoule.py"),
        "run",
        str(tmp_path / "tiny.toml"),
        "--runs",
        str(tmp_path / "runs"),
    ] + list(more)


def done(tmp_path):
    """{case id: modification time} of finished bundles, each of which must be readable."""
    folder = tmp_path / "runs" / "tiny"
    if not folder.is_dir():
        return {}
    found = {}
    for path in bundle.scan(folder):
        assert bundle.read(path).case_id == path.name
        found[path.name] = (path / bundle.RECORD).stat().st_mtime
    return found


def children(pid):
    """Process ids of a process's children, as /proc tells them."""
    try:
        text = Path("/proc/{0}/task/{0}/children".format(pid)).read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def kill_somebody(process, chance):
    """Kills the runner or, half the time, its worker: -9, no goodbye."""
    victims = children(process.pid) if chance.random() < 0.5 else []
    try:
        os.kill(victims[0] if victims else process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc for the workers")
def test_killed_twenty_times_it_still_finishes_and_redoes_nothing(tmp_path):
    chance, seen = random.Random(7), {}
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(tmp_path), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.05, 3.0))
        kill_somebody(process, chance)
        if process.poll() is None:
            time.sleep(0.2)
            process.kill()
        process.wait()
        now = done(tmp_path)
        assert all(now.get(name) == when for name, when in seen.items()), "a done case was redone"
        seen = now
    output = subprocess.check_output(command(tmp_path, "--json"), stderr=subprocess.DEVNULL)
    tally = json.loads(output.decode())
    final = done(tmp_path)
    assert len(final) == 3 and not tally["failed"]
    assert set(tally["skipped"]) == set(seen) and set(tally["ran"]) == set(final) - set(seen)
    assert all(final[name] == when for name, when in seen.items())
    attempts = sum(bundle.read(tmp_path / "runs" / "tiny" / name).attempts for name in final)
    assert attempts > 3, "none of the kills hit a case"
    assert not list((tmp_path / "runs" / "tiny").glob(".*.open"))


def test_a_second_run_redoes_nothing(tmp_path):
    run = subprocess.check_output(command(tmp_path, "--json", "--set", "train.seed=5"))
    first = json.loads(run.decode())
    again = json.loads(
        subprocess.check_output(command(tmp_path, "--json", "--set", "train.seed=5")).decode()
    )
    assert len(first["ran"]) == 1 and again["skipped"] == first["ran"] and not again["ran"]


def test_a_worker_that_a_signal_ended_names_it(tmp_path, monkeypatch):
    (tmp_path / "tiny.toml").write_text(TINY)
    asked = suite.read(str(tmp_path / "tiny.toml"))
    said = []
    for code, words in ((-9, "killed by SIGKILL (out of memory?)"), (-11, "killed by SIGSEGV;")):
        work = ended_worker.instead(lambda path, code=code: code)
        monkeypatch.setattr(runner, "start_worker", work)
        assert runner.run(asked, tmp_path / str(-code), said.append).failed
        assert words in said[-1] and "its log is" in said[-1]
