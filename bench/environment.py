"""What a number depends on besides the code: versions, commit, machine. Free of torch at import.

Nothing is imported to learn its version: what a run did not import cannot have moved its numbers.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Optional

from edgejoule import __version__, plugins

ROOT = Path(__file__).resolve().parent.parent
# what computes or measures; a version that moves a number is looked for among these
PACKAGES = ("torch", "numpy", "sklearn", "fvcore", "pynvml", "jtop")


def describe() -> Dict:
    """Everything that stays the same during a run, JSON-able; unknown is None."""
    return {
        "edgejoule": version(),
        "git": git(),
        "plugins": plugins.digests(),  # a user's own files, which no commit of ours tells apart
        "python": platform.python_version(),
        "packages": {name: package(name) for name in PACKAGES},
        "machine": platform.machine(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch": torch_settings(),
    }


def version() -> str:
    """Our own version."""
    return __version__


def git() -> Dict:
    """The commit of the code, whether its files were changed since, and how many files are new.

    Only tracked files taint: a suite, runs or a cut network that lie in the clone change no code.
    `untracked` counts them apart, since a module of the user's may be among them.
    """
    commit = _git("rev-parse", "HEAD")
    lines = (_git("status", "--porcelain") or "").splitlines()
    new = sum(line.startswith("??") for line in lines)
    return {
        "commit": commit,
        "dirty": None if commit is None else len(lines) > new,
        "untracked": None if commit is None else new,
    }


def package(name: str) -> Optional[str]:
    """The version of a module that is already imported; None if it is not."""
    module = sys.modules.get(name)
    return getattr(module, "__version__", None)


def processor() -> Optional[str]:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    names = [
        line.split(":", 1)[1].strip()
        for line in lines
        if line.lower().startswith(("model name", "hardware"))  # a PC's, an ARM board's
    ]
    return names[0] if names else platform.processor() or None


def torch_settings() -> Optional[Dict]:
    """Threads, CUDA and device of the running torch; None if it is not imported."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return None
    cuda = torch.cuda.is_available()
    return {
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "gpu": torch.cuda.get_device_name(0) if cuda else None,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.backends.cudnn.deterministic,
    }


def _git(*words: str) -> Optional[str]:
    """What git says of our folder; None without git, or where the code is no clone."""
    try:
        return (
            subprocess.check_output(("git", "-C", str(ROOT)) + words, stderr=subprocess.DEVNULL)
            .decode()
            .strip()
        )
    except (OSError, subprocess.CalledProcessError):
        return None
