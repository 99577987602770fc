"""Runs pytest with our plugin in a folder of its own, over the real pynvml and an emulated GPU.

Sessions are processes of their own, in virtual time: naps take none, and no session depends on
how busy the machine is.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from rigs import gpu_rig
from rigs.virtual_clock import VirtualClock

ROOT = Path(__file__).resolve().parent.parent.parent
# A counter that is new at every poll: these rounds are too short to find one's ticks exactly.
UPDATE_S, ROUND_S, ROUNDS = 0.001, 0.42, 8
GATE = ("--joules-compare-fail", "watts:6%")
NVML = ("--joules-device", "nvml")
STORE = Path(".benchmarks/joules/emulated-gpu-nvml")
VIRTUAL = ("-p", "rigs.virtual_session", "--benchmark-timer=rigs.virtual_session.timer")
ENDS_S = 300.0  # a session that takes longer hangs
NAP = """
from edgejoule.devices.clock import MACHINE

def test_nap(joules_benchmark, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # must not move the baseline
    joules_benchmark.flops = 1e9
    joules_benchmark.pedantic(MACHINE.sleep, args=({},), rounds={})
"""
LONG, SHORT = NAP.format(ROUND_S, ROUNDS), NAP.format(0.001, ROUNDS)


class Run(NamedTuple):
    """How a pytest session ended: its exit code, what it said, JUnit's XML."""

    code: int
    said: str
    junit: str

    def counts(self):
        """(failures, errors) of JUnit's XML."""
        return tuple(
            int(re.search(name + r'="(\d+)"', self.junit).group(1))
            for name in ("failures", "errors")
        )


class Project:
    """A folder with tests and a GPU of its own, which draws so many watts."""

    def __init__(self, folder, library, text=LONG, baseline_of=None, virtual=True):
        self.folder, self.library, self.virtual = Path(str(folder)), library, virtual
        self.folder.mkdir(parents=True)
        self.file("test_nap.py", text)
        self.file("pytest.ini", "[pytest]\n")
        if baseline_of is not None:
            shutil.copytree(str(baseline_of.folder / STORE), str(self.folder / STORE))

    def file(self, name, text):
        """Write a file of the project."""
        (self.folder / name).write_text(text)

    def entries(self):
        """The blessed tests."""
        return json.loads((self.folder / STORE / "blessed.json").read_text())["benchmarks"]

    def edit(self, change):
        """Write the baseline with entries of `change(entries)`."""
        (self.folder / STORE / "blessed.json").write_text(
            json.dumps({"schema": 1, "benchmarks": change(self.entries())})
        )

    def pytest(self, *words, watts=100.0, benchmark=True, **gpu):
        """The `Run` of one session, with pytest-benchmark or without."""
        env = self._environment(dict(gpu, low_w=watts))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "edgejoule.bench.pytest_plugin",
            "-p",
            "no:cacheprovider",
            "--junitxml=junit.xml",
        ]
        command += ["-p", "pytest_benchmark.plugin", "--benchmark-quiet"] if benchmark else []
        done = subprocess.run(
            command + list(VIRTUAL if self.virtual else ()) + list(words),
            cwd=str(self.folder),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ENDS_S,
        )
        junit = self.folder / "junit.xml"
        return Run(
            done.returncode,
            done.stdout.decode("utf8"),
            junit.read_text(encoding="utf8") if junit.exists() else "",
        )

    def _environment(self, gpu):
        clock = (VirtualClock(),) if self.virtual else ()
        state = gpu_rig.control(self.folder / "gpu", *clock)
        for name, value in dict(gpu, update_s=UPDATE_S).items():
            setattr(state, name, value)
        env = dict(
            os.environ,
            LD_LIBRARY_PATH=str(self.library.parent),
            OMP_NUM_THREADS="1",
            NVML_EMULATOR=str(self.folder / "gpu"),
            PYTHONPATH=os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        )
        for name in ("CUDA_VISIBLE_DEVICES", "PYTEST_ADDOPTS"):
            env.pop(name, None)
        return env


def blessed(project):
    """(the `Run` that blessed a project's tests, its pytest-benchmark document)."""
    run = project.pytest(*NVML, "--joules-bless", "--benchmark-json=saved.json")
    return run, json.loads((project.folder / "saved.json").read_text())
