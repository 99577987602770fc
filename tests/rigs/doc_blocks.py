"""The code blocks of our pages, and running them as a reader would.

A comment directly before a block says what a reader sees but a program cannot:

    <!-- not run: the reason -->   needs hardware or the network
    <!-- slow -->                  takes more than a few seconds
    <!-- exits: 0 3 -->            ends with one of these codes, not with 0
    <!-- file: first.toml -->      the reader saves it under this name
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = ("commands.md", "settings.md", "api.md")  # made by docs/generate.py, not committed
SHOWN = {"toml", "text", "yaml", "{toctree}"}  # nothing to run
RUN = {"sh", "python"}
NOTES = {"not run", "slow", "exits", "file"}
COMMENT = re.compile(r"<!-- ([a-z ]+?)(?:: (.+))? -->$")
LIMIT_S = 900


class Block(NamedTuple):
    """One fenced block: the line it begins at, its language, its text and the notes before it."""

    line: int
    language: str
    text: str
    notes: Dict[str, str]


def pages() -> List[Path]:
    """Every page that is committed, README first."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
    return found + [
        path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name not in GENERATED
    ]


def blocks(page: Path) -> List[Block]:
    """The fenced blocks of a page, in order."""
    found, notes, opened = [], {}, None
    for number, line in enumerate(page.read_text(encoding="utf8").splitlines(), 1):
        comment = COMMENT.match(line)
        if opened is not None and line.startswith("```"):
            found.append(Block(opened[0], opened[1], "\n".join(opened[2]) + "\n", notes))
            notes, opened = {}, None
        elif opened is not None:
            opened[2].append(line)
        elif line.startswith("```"):
            opened = (number, line[3:].strip(), [])
        elif comment:
            notes[comment.group(1)] = comment.group(2) or ""
        else:
            notes = {}
    assert opened is None, "{}: the block of line {} never ends".format(page, opened)
    return found


def is_run(block: Block, slow: bool) -> bool:
    """True if a test runs or saves this block."""
    wanted = block.language in RUN or "file" in block.notes
    return wanted and "not run" not in block.notes and (slow or "slow" not in block.notes)


def clone(folder: Path) -> None:
    """Makes a folder look like a clone after `make bench`: our files, and commands on the path."""
    for path in ROOT.iterdir():
        if path.name not in ("runs", "history", "build") and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    tools = folder / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "activate").write_text("export PATH={}:$PATH\n".format(tools))
    for name, words in (
        ("python3", ""),
        ("edgejoule", "-m edgejoule"),
        ("pytest", "-m pytest -p edgejoule.bench.pytest_plugin -p no:cacheprovider"),
    ):
        (tools / name).write_text('#!/bin/sh\nexec "{}" {} "$@"\n'.format(sys.executable, words))
        (tools / name).chmod(0o755)


def run(block: Block, folder: Path) -> str:
    """What was wrong with the block in a clone's folder, "" if it did what its page says."""
    if "file" in block.notes:
        path = folder / block.notes["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf8")
        return ""
    program = ["bash", "-e", "-c"] if block.language == "sh" else [sys.executable, "-c"]
    process = subprocess.Popen(
        program + [block.text],
        cwd=str(folder),
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    said = process.communicate(timeout=LIMIT_S)[0].decode("utf8", "replace")
    allowed = [int(code) for code in block.notes.get("exits", "0").split()]
    if process.returncode in allowed and "Traceback" not in said:
        return ""
    return "line {}: exit code {}, {} expected:\n{}\n{}".format(
        block.line, process.returncode, allowed, block.text, said[-3000:]
    )


def _environment(folder: Path) -> Dict[str, str]:
    path = os.pathsep.join([str(folder / ".venv" / "bin"), os.environ["PATH"]])
    more = {"PATH": path, "PYTHONPATH": str(ROOT), "EDGEJOULE_LOCKS": str(folder / ".venv")}
    return dict(os.environ, OMP_NUM_THREADS="1", **more)
