"""Runs code as a user whom file modes bind, also where the tests run as root."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent.parent)
DROP = """\
import ctypes, os, sys
libc = ctypes.CDLL(None)
for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH leave the bounding set
    libc.prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""


def output(code: str) -> str:
    """What the code prints."""
    done = subprocess.run(
        [sys.executable, "-c", DROP, code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=ROOT),
    )
    return done.stdout.decode()
