"""What deploy/ installs is understood by the systemd of a Jetson, and by everybody's cron."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgejoule.bench import device_lock
from edgejoule.bench.commands import nightly

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))
KNOWN_TO_237 = {
    "Unit": {
        "Description",
        "Documentation",
        "After",
        "Before",
        "Wants",
        "Requires",
        "OnFailure",
        "ConditionPathExists",
    },
    "Service": {
        "Type",
        "User",
        "Group",
        "WorkingDirectory",
        "Environment",
        "EnvironmentFile",
        "ExecStart",
        "ExecStartPre",
        "SuccessExitStatus",
        "KillMode",
        "TimeoutStartSec",
        "Nice",
    },
    "Timer": {"OnCalendar", "RandomizedDelaySec", "Persistent", "AccuracySec", "Unit"},
    "Install": {"WantedBy"},
}
TYPES = {"simple", "forking", "oneshot", "dbus", "notify", "idle"}  # exec came with 240


def entries(path):
    """(section, key, value) of every line of a unit file."""
    section = None
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.strip() and not line.startswith("#"):
            key, value = line.split("=", 1)
            yield section, key, value


def values(name, key):
    return [value for _, found, value in entries(DEPLOY / name) if found == key]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_only_what_systemd_237_knows(path):
    for section, key, value in entries(path):
        assert key in KNOWN_TO_237[section], key
        assert key != "Type" or value in TYPES
        assert not value.startswith(("append:", "file:", "truncate:"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_finds_nothing_to_say(tmp_path):
    for path in UNITS:
        text = path.read_text().replace("/usr/bin/python3", sys.executable)
        if not Path("/usr/bin/logger").exists():
            text = text.replace("/usr/bin/logger", "/bin/echo")
        (tmp_path / path.name).write_text(text)
    names = [str(tmp_path / path.name) for path in UNITS if "@" not in path.name]
    done = subprocess.run(
        ["systemd-analyze", "verify"] + names,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"SYSTEMD_UNIT_PATH": "{}:".format(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    said = [line for line in done.stdout.decode().splitlines() if "edgejoule" in line]
    assert done.returncode == 0 and not said, done.stdout.decode()


def test_systemd_would_have_found_a_mistake(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    (tmp_path / "edgejoule-bad.service").write_text("[Service]\nExecStarts=/bin/true\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "edgejoule-bad.service")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert "edgejoule-bad" in done.stdout.decode()


def test_the_units_do_what_they_are_for():
    assert values("edgejoule-nightly.timer", "Persistent") == ["true"]
    assert values("edgejoule-nightly.timer", "OnCalendar")
    assert values("edgejoule-nightly.timer", "RandomizedDelaySec")
    for name in ("edgejoule-nightly.service", "edgejoule-resume.service"):
        assert values(name, "SuccessExitStatus") == [str(device_lock.BUSY)]
        assert values(name, "OnFailure") == ["edgejoule-alert@%n.service"]
        assert values(name, "Type") == ["oneshot"]
    assert "--resume" in values("edgejoule-resume.service", "ExecStart")[0]
    assert "edgejoule-resume.service" in values("edgejoule-nightly.service", "After")[0]


def commands():
    """(where, words after edgejoule.py) of every command that deploy/ would start."""
    for path in sorted(DEPLOY.iterdir()):
        for found in re.finditer(r"edgejoule\.py (nightly[^\n>|\"]*)", path.read_text()):
            yield path.name, shlex.split(found.group(1).replace("${SUITE}", "quick"))[1:]


@pytest.mark.parametrize("where, words", list(commands()))
def test_every_command_is_understood(where, words):
    import argparse

    parser = argparse.ArgumentParser()
    nightly.arguments(parser)
    args = parser.parse_args(words)
    assert args.history == "history" and (args.suite or args.resume)


def test_there_is_a_command_in_each():
    assert [name for name, _ in commands()] == [
        "edgejoule-nightly.service",
        "edgejoule-resume.service",
        "edgejoule.cron",
        "edgejoule.cron",
        "github-hub.yml",
    ]


def test_the_cron_lines_have_their_fields_and_another_lock():
    lines = [
        line
        for line in (DEPLOY / "edgejoule.cron").read_text().splitlines()
        if "edgejoule.py" in line
    ]
    assert re.match(r"0 2 \* \* \*  edgejoule  cd ", lines[0])
    assert re.match(r"@reboot    edgejoule  cd ", lines[1])
    for line in lines:
        assert "%" not in line, "cron reads a newline in it"
        lock = re.search(r"flock -n -E 75 (\S+)", line).group(1)
        subprocess.run(["sh", "-n", "-c", line.split("edgejoule  ", 1)[1]], check=True)
        assert lock != str(device_lock.path("cron")), "its own child could not take the lock"


def test_the_hub_runs_nobody_elses_code():
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load((DEPLOY / "github-hub.yml").read_text())
    triggers = found.get("on", found.get(True))  # YAML 1.1 reads "on" as true
    assert set(triggers) == {"schedule", "workflow_dispatch"}
    job = found["jobs"]["night"]
    assert "self-hosted" in job["runs-on"] and found["permissions"] == {"contents": "read"}
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    assert any("ssh" in script and "nightly" in script for script in scripts)
    assert any("rsync" in script for script in scripts)
    for script in scripts:
        subprocess.run(["sh", "-n", "-c", script], check=True)
        assert "${{" not in script, "what GitHub puts in is not quoted"
