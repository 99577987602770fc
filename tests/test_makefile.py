"""What `make` says before it is silent for minutes."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def planned(target, *more):
    """The commands that make would run, as it prints them with -n."""
    words = ["make", "-n", "-C", str(ROOT), target, "PYTHON=python3", *more]
    return subprocess.check_output(words, stderr=subprocess.STDOUT).decode().splitlines()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_is_installed_is_said_before_pip_is_silent(tmp_path):
    """`make bench` said nothing for two minutes."""
    lines = planned("bench", "VENV={}".format(tmp_path / "venv"))
    said = next(number for number, line in enumerate(lines) if line.startswith("echo "))
    pip = next(number for number, line in enumerate(lines) if "pip install" in line)
    assert said < pip
    text = " ".join(lines[said:pip])
    assert "torch" in text and "minutes" in text and "requirements/modern.txt" in text
