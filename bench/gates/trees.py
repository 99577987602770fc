"""Working trees of commits: each made when a comparison needs it, removed when it ends.

Free of torch. Git from 2.17 on, which is what the oldest board has.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple, Optional, Union

from edgejoule import plugins

HERE = "."  # stands for the working tree as it is, uncommitted changes and all


class Tree(NamedTuple):
    """A state of the code: where it lies, and what it is called."""

    root: Path
    commit: Optional[str]
    dirty: bool
    key: str  # equal only for equal code


def here(repository: Path = plugins.ROOT) -> Tree:
    """The working tree of a repository; its commit is None if it is no git clone."""
    commit = _git(repository, "rev-parse", "HEAD")
    # only tracked files: a suite or a folder of runs beside the code does not change the code
    changes = (_git(repository, "diff", "HEAD") or "") + (
        _git(repository, "status", "--porcelain", "--untracked-files=no") or ""
    )
    key = commit or "no git"
    if changes:
        key += "+" + hashlib.sha256(changes.encode("utf8", "replace")).hexdigest()[:8]
    return Tree(Path(repository), commit, bool(changes), key)


def resolve(name: str, repository: Path = plugins.ROOT) -> str:
    """The whole hash of a commit, tag or branch.

    Raises:
        ValueError: there is no git clone, or nothing of that name in it.
    """
    if _git(repository, "rev-parse", "HEAD") is None:
        raise ValueError(
            "{} is no git clone with a commit, so commits cannot be compared; "
            "compare two suites, or two configurations with --a and --b".format(repository)
        )
    found = (
        None
        if name.startswith("-")  # git would take it for an option of its own
        else _git(repository, "rev-parse", "--verify", "--quiet", name + "^{commit}")
    )
    if not found:
        raise ValueError(
            "no commit {!r} in {}; 'git log --oneline' lists them".format(name, repository)
        )
    return found


def checked_out(commit: str, folder: Path, repository: Path = plugins.ROOT) -> Tree:
    """The tree of a commit in a folder; one left there by a killed process is used again.

    Raises:
        RuntimeError: git cannot check it out, and why.
    """
    if _git(folder, "rev-parse", "HEAD") != commit or not (folder / ".git").is_file():
        remove(folder, repository)
        folder.parent.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            (
                "git",
                "-C",
                str(repository),
                "worktree",
                "add",
                "--force",
                "--detach",
                str(folder.resolve()),
                commit,
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        said = process.communicate()[1].decode("utf8", "replace").strip().splitlines()
        if process.returncode:
            raise RuntimeError(
                "git cannot check out {}: {}".format(
                    commit[:9], said[-1] if said else "it said nothing"
                )
            )
    return Tree(folder.resolve(), commit, False, commit)


def remove(folder: Path, repository: Path = plugins.ROOT) -> None:
    """Takes a tree away, and git's note of it."""
    shutil.rmtree(str(folder), ignore_errors=True)
    _git(repository, "worktree", "prune")


def _git(repository: Union[str, Path], *words: str) -> Optional[str]:
    """What git prints; None if it fails or is not there."""
    try:
        return (
            subprocess.check_output(
                ("git", "-C", str(repository)) + words, stderr=subprocess.DEVNULL
            )
            .decode("utf8", "replace")
            .strip()
        )
    except (OSError, subprocess.CalledProcessError):
        return None
