"""Blessed baselines and runs of joule benchmarks, one folder per device.

    <storage>/<device>/<name>.json             the blessed baseline of that name
    <storage>/<device>/runs/<utc>-<commit>.json   every judged run, for the record

A baseline holds one entry per test, each blessed on its own: rounds, commit, by whom, when, and
the context in which alone it may be compared. It changes by blessing and by nothing else.
"""

import getpass
import json
import os
import platform
import re
import tempfile
from datetime import datetime, timezone
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from edgejoule.bench import bundle, environment
from edgejoule.bench.history.store import Folder, device_slug
from edgejoule.devices.reading import DeviceInfo

if TYPE_CHECKING:
    from edgejoule.bench.joules.tap_timer import Taken

SCHEMA = 1
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
TORCH_VERSION = re.compile(r"^__version__ *= *['\"]([^'\"]+)", re.MULTILINE)


def baseline_path(storage: Folder, info: DeviceInfo, name: str) -> Path:
    """Where the baseline of that name is kept for this device."""
    return Path(storage) / device_slug(info._asdict()) / (name + ".json")


def check_name(name: str) -> str:
    """The name, if it can be a file's.

    Raises:
        ValueError: it cannot.
    """
    if not NAME.match(name):
        raise ValueError(
            "asked for the baseline {!r}; a name is letters, digits, '.', '_' and '-'".format(name)
        )
    return name


def check_writable(storage: Folder) -> None:
    """Makes the folder, if it is not there, before anything is measured for it.

    Raises:
        ValueError: no file can be written there, and why.
    """
    try:
        Path(storage).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=str(storage)).close()
    except OSError as error:
        raise ValueError(
            "the storage {} cannot be written: {}; choose another with --joules-storage".format(
                storage, error.strerror or error
            )
        ) from None


def read(path: Path) -> Optional[Dict[str, Dict]]:
    """Entries of a baseline by test; None if there is none.

    Raises:
        ValueError: it is there and cannot be read.
    """
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_bytes().decode("utf8"))
        if document["schema"] > SCHEMA:
            raise ValueError(
                "its schema {} is newer than ours, {}".format(document["schema"], SCHEMA)
            )
        return {name: dict(entry) for name, entry in document["benchmarks"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("baseline {} cannot be read: {}".format(path, error)) from None


def others(path: Path) -> List[str]:
    """Baselines of this name that other devices have."""
    return sorted(
        each.parent.name for each in path.parent.parent.glob("*/" + path.name) if each != path
    )


def write(path: Path, entries: Dict[str, Dict]) -> None:
    """Writes entries whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"schema": SCHEMA, "device": path.parent.name, "benchmarks": entries}
    # sorted: a baseline that is kept in git differs only where it was blessed
    bundle.write_text(path, json.dumps(document, indent=1, sort_keys=True) + "\n")


def keep_run(path: Path, entries: Dict[str, Dict], commit: Optional[str]) -> Path:
    """Where this run was kept, beside the baseline at `path`."""
    name = "{}-{}".format(_now("%Y%m%dT%H%M%S"), (commit or "nocommit")[:8])
    # two sessions may end within one second
    number, found = 1, path.parent / "runs" / (name + ".json")
    while found.exists():
        number += 1
        found = found.with_name("{}.{}.json".format(name, number))
    write(found, entries)
    return found


def entry(taken: "Taken", context: Dict, commit: Optional[str]) -> Dict[str, Any]:
    """What is stored of one test."""
    return {
        "joules": taken.joules,
        "seconds": taken.seconds,
        "watts": taken.watts,
        "flops": taken.flops,
        "uncertainty_joules": taken.uncertainty_joules,
        "status": taken.status,
        "reason": taken.reason,
        "source": taken.source,
        "context": context,
        "commit": commit,
        "by": _user(),
        "when_utc": _now("%Y-%m-%dT%H:%M:%SZ"),
    }


def context(info: DeviceInfo) -> Dict[str, Optional[str]]:
    """What must be equal for two runs to be comparable; no clocks, host names or free memory."""
    return {
        "sensor": info.adapter,
        "device": info.name,
        "rail": info.rail,
        "scope": info.scope,
        "power mode": info.power_mode,
        "driver": info.driver,
        "power": "not real" if info.fake or info.estimate else "measured",
        "processor": environment.processor(),
        "machine": platform.machine(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": _torch(),
    }


def difference(before: Dict, now: Dict) -> Optional[str]:
    """In which respects two contexts differ, in words; None if in none."""
    found = [
        "{} {!r} -> {!r}".format(key, before.get(key), now.get(key))
        for key in sorted(set(before) | set(now))
        if before.get(key) != now.get(key)
    ]
    return "; ".join(found) or None


def _torch() -> Optional[str]:
    """The installed torch's version, without importing it; None without torch.

    Importing it costs seconds, and a test that does not use it should not pay for it.
    """
    try:
        spec = util.find_spec("torch")
        folder = os.path.dirname((spec and spec.origin) or "")
        with open(os.path.join(folder, "version.py"), encoding="utf8") as file:
            found = TORCH_VERSION.search(file.read())
    except (ImportError, OSError, ValueError):
        return None
    return found.group(1) if found else None


def _user() -> Optional[str]:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return None


def _now(form: str) -> str:
    return datetime.now(timezone.utc).strftime(form)
