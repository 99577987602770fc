"""Starts nightly runs of a tiny suite in a folder, whole or killed by `night_driver`."""

import json
import os
import subprocess
import sys
from pathlib import Path

from edgejoule.bench.history import store
from rigs import night_driver, tiny_suite

ROOT = Path(__file__).resolve().parent.parent.parent
NIGHT, DEVICE = "2026-11-20", "no-sensor-replay"


class Place:
    """A folder with a suite, a history and locks of its own."""

    def __init__(self, folder, light=True, **plan):
        self.folder, self.history = folder, folder / "history"
        self.journal = folder / "journal"
        self.plan = dict(plan, light=light, journal=str(self.journal), history=str(self.history))
        self.suite = tiny_suite.write(folder)

    def start(self, *more, **plan):
        """A started nightly in a process group of its own; `plan` as `night_driver` says."""
        path = self.folder / "plan.json"
        path.write_text(json.dumps(dict(self.plan, **plan)))
        words = [sys.executable, str(ROOT / "tests" / "rigs" / "night_driver.py"), str(path)]
        return subprocess.Popen(
            words + self._words(*more),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=str(self.folder),
            env=dict(os.environ, EDGEJOULE_LOCKS=str(self.folder / "locks")),
        )

    def run(self, *more, **plan):
        """(exit code, stdout, stderr) of a nightly; a light one is forked, which is quick."""
        if not self.plan["light"]:
            process = self.start(*more, **plan)
            out, err = process.communicate()
            return process.returncode, out.decode(), err.decode()
        sys.stdout.flush()
        child = os.fork()
        if not child:
            self._be(dict(self.plan, **plan), self._words(*more))
        status = os.waitpid(child, 0)[1]
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return code, (self.folder / "out").read_text(), (self.folder / "err").read_text()

    def _be(self, plan, words):
        """This process becomes a nightly in a group of its own, and ends."""
        code = 99
        try:
            os.setsid()
            os.chdir(str(self.folder))
            os.environ["EDGEJOULE_LOCKS"] = str(self.folder / "locks")
            with open("out", "w") as sys.stdout, open("err", "w") as sys.stderr:
                os.dup2(sys.stdout.fileno(), 1)
                os.dup2(sys.stderr.fileno(), 2)
                code = _exit_code(plan, words)
        finally:  # a child that returned would be a second pytest
            os._exit(code)

    def _words(self, *more):
        words = list(more) or [
            str(self.suite),
            "--fake-power",
            "8",
            "--night",
            NIGHT,
        ]
        return ["nightly"] + words + ["--history", str(self.history)]

    def document(self, night=NIGHT):
        """The night.json of a night."""
        return store.document(self.history / DEVICE / night / "tiny")

    def bundles(self, night=NIGHT):
        """{case id: modification time} of finished bundles."""
        return {
            path.parent.name: path.stat().st_mtime
            for path in (self.history / DEVICE / night / "tiny").glob("[!.]*/run.json")
        }

    def done(self, what):
        """How often something was done, by the journal."""
        if not self.journal.exists():
            return 0
        return [line.split()[0] for line in self.journal.read_text().splitlines()].count(what)


def _exit_code(plan, words):
    """That of a nightly in this process; an error that it lets out is told and is 98."""
    try:
        return night_driver.main(plan, words)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 98
    except BaseException as error:
        print("died of", repr(error), file=sys.stderr)
        return 98
