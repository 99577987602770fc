"""What a reader of a fault report must know of this machine and its software.

Nothing is imported to learn its version: a torch that breaks at import is what such a report is
for. `root` is where the system's files are.
"""

import os
import platform
import re
import subprocess
import sys
from typing import Any, Dict, List, Optional

from edgejoule import __version__
from edgejoule.devices import conditions
from edgejoule.devices.vendors import sysfs

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scikit-learn",
    "scipy",
    "pandas",
    "Jinja2",
    "tqdm",
    "tomli",
    "fvcore",
    "nvidia-ml-py",
    "pynvml",
    "jetson-stats",
    "pytest",
    "pytest-benchmark",
    "zeus",
)
VARIABLES = (  # whose values matter and are nobody's secret
    "EDGEJOULE_LOCKS",
    "EDGEJOULE_SENSORS",
    "EDGEJOULE_TRACEBACK",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
GIT_S = 3.0  # a clone on a network's disk may take for ever


def facts(root: str = "/") -> Dict[str, Dict[str, Any]]:
    """Software, machine, state and environment, JSON-able; None for what is not told."""
    return {
        "software": software(),
        "machine": hardware(root),
        "state": state(root),
        "environment": environment(),
    }


def software() -> Dict[str, Any]:
    """Versions of EdgeJoule, Python and the packages that are installed, and of which are not."""
    found = installed()
    versions = {name: found.get(_normal(name)) for name in PACKAGES}
    return {
        "edgejoule": __version__,
        "installed in": HERE,
        "commit": commit(),
        "python": "{} {}".format(platform.python_version(), platform.python_implementation()),
        "run by": sys.executable,
        "packages": {name: version for name, version in versions.items() if version},
        "not installed": [name for name, version in versions.items() if not version],
    }


def hardware(root: str = "/") -> Dict[str, Any]:
    """The system, the board, its processor, memory and GPU driver."""
    return {
        "system": _matched(r'PRETTY_NAME="?([^"\n]*)', _text(root, "etc/os-release")),
        "kernel": "{} {}".format(platform.system(), platform.release()),
        "architecture": platform.machine(),
        "board": _board(root),
        "L4T": _matched(r"# *(.*)", _text(root, "etc/nv_tegra_release")),
        "processor": _matched(
            r"(?m)^(?:model name|Hardware)\s*: (.*)", _text(root, "proc/cpuinfo")
        ),
        "cores": os.cpu_count(),
        "memory": _matched(r"MemTotal:\s*(.*)", _text(root, "proc/meminfo")),
        "GPU driver": _text(root, "sys/module/nvidia/version"),
        "CUDA toolkit": _cuda(root),
    }


def state(root: str = "/") -> Dict[str, Any]:
    """What heat and settings do to the clocks now, in words that carry their units."""
    now = conditions.snapshot(root)  # its boot_id is left out: it is one machine's alone
    swap, up = now["swap"], now["uptime_s"]
    return {
        "power mode": now["power_mode"],
        "clocks": {name: "{:.0f} MHz".format(hertz / 1e6) for name, hertz in now["clocks"].items()},
        "temperatures": {name: "{:.1f} C".format(each) for name, each in now["celsius"].items()},
        "throttling": now["throttling"] or "none now",
        "load": now["load_average"],
        "swap used": swap and "{:.0f} MB".format(swap["used_bytes"] / 1e6),
        "up": up and "{:.1f} h".format(up / 3600),
    }


def environment() -> Dict[str, str]:
    """Environment variables that change what is measured; of an unknown one that it is set."""
    found = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    ours = [name for name in os.environ if name.startswith("EDGEJOULE_")]
    found.update((name, "(set)") for name in sorted(ours) if name not in found)
    return found


def installed() -> Dict[str, str]:
    """Version by name of every distribution on Python's path.

    Read off the names of their metadata folders, for Python 3.6 has no `importlib.metadata`:
    torch-1.10.0.dist-info, numpy-1.19.4.egg-info, numpy-1.19.4-py3.6.egg-info.
    """
    found: Dict[str, str] = {}
    for folder in sys.path:
        for name in _listed(folder):
            stem, ending = os.path.splitext(name)
            words = stem.split("-")
            if ending in (".dist-info", ".egg-info") and len(words) > 1:
                found.setdefault(_normal(words[0]), words[1])
    return found


def commit() -> Optional[str]:
    """The commit of the clone this runs from, "-dirty" if it was changed; None if it is none."""
    clone = os.path.dirname(HERE)
    if not os.path.exists(os.path.join(clone, ".git")):  # a clone above may be somebody else's
        return None
    try:
        return (
            subprocess.check_output(
                ["git", "-C", clone, "describe", "--always", "--dirty", "--exclude=*"],
                stderr=subprocess.DEVNULL,
                timeout=GIT_S,
            )
            .decode("utf8", "replace")
            .strip()
        )
    except (OSError, subprocess.SubprocessError):
        return None


def _board(root: str) -> Optional[str]:
    """A board's model by its device tree, a PC's by its firmware; never a serial number."""
    tree = "sys/firmware/devicetree/base/"
    model = _text(root, tree + "model")
    if model:
        compatible = (_text(root, tree + "compatible") or "").replace("\0", ", ")
        return "{} ({})".format(model, compatible)
    words = [_text(root, "sys/class/dmi/id/" + name) for name in ("sys_vendor", "product_name")]
    return " ".join(filter(None, words)) or None


def _cuda(root: str) -> Optional[str]:
    """CUDA's version by its own file: a JSON document from 11 on, a line of text before."""
    text = _text(root, "usr/local/cuda/version.json") or _text(root, "usr/local/cuda/version.txt")
    return _matched(r"(?:CUDA Version |\"version\"\s*:\s*\")([0-9.]+)", text)


def _matched(pattern: str, text: Optional[str]) -> Optional[str]:
    found = re.search(pattern, text or "")
    return found.group(1).strip() if found else None


def _listed(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder or "."))
    except OSError:  # a zip file, or an entry that is gone
        return []


def _normal(name: str) -> str:
    """A distribution's name as packaging compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _text(root: str, path: str) -> Optional[str]:
    return sysfs.text(os.path.join(root, path)) or None
