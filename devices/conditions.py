"""The state of the machine round a run: heat, clocks, power mode, memory, load. Never raises."""

import glob
import os
from typing import Any, Dict, Optional

from edgejoule.devices.vendors import sysfs

COOLEST, HOTTEST = -40.0, 150.0  # C; a zone beyond is a sensor that is off


def root_of(sysfs_root: Optional[str] = None) -> str:
    """The root of the system whose sysfs lies there ("/host" of "/host/sys"); "/" for our own."""
    return "/" if sysfs_root is None else os.path.dirname(os.path.abspath(sysfs_root))


def snapshot(root: str = "/") -> Dict[str, Any]:
    """A JSON-able account of the machine now; None for what it does not say.

    celsius {zone: C}, power_mode, clocks {name: Hz now}, throttling (a sentence), swap
    {used_bytes, total_bytes}, load_average (1 min), boot_id, uptime_s.
    """
    return {
        "celsius": celsius(root),
        "power_mode": power_mode(root),
        "clocks": clocks(root),
        "throttling": throttling(root),
        "swap": swap(root),
        "load_average": load_average(root),
        "boot_id": _text(root, "proc/sys/kernel/random/boot_id"),
        "uptime_s": _uptime(root),
    }


def celsius(root: str = "/") -> Dict[str, float]:
    """Degrees Celsius of every thermal zone that is on; {} without any."""
    return zones(os.path.join(root, "sys"))


def zones(sysfs_root: str) -> Dict[str, float]:
    """The same of a tree that lies elsewhere, as the host's /sys may in a container."""
    found: Dict[str, float] = {}
    for folder in sorted(glob.glob(os.path.join(sysfs_root, "class/thermal/thermal_zone*"))):
        degrees = sysfs.number(os.path.join(folder, "temp"))
        name = sysfs.text(os.path.join(folder, "type")) or os.path.basename(folder)
        if degrees is not None and COOLEST < degrees * 1e-3 < HOTTEST:
            # Two zones may bear one name, as on a PC of two processors.
            found[name if name not in found else os.path.basename(folder)] = degrees * 1e-3
    return found


def power_mode(root: str = "/") -> Optional[str]:
    """The nvpmodel of a Jetson, such as "MAXN"; None elsewhere."""
    status = _text(root, "var/lib/nvpmodel/status")  # "pmode:0000" or "pmode:0000 fmode:..."
    number = status.split()[0].split(":")[-1] if status else None
    if not number or not number.isdigit():
        return None
    return _mode_names(root).get(int(number), str(int(number)))


def clocks(root: str = "/") -> Dict[str, float]:
    """Hz of the first CPU of each cluster, the GPU and the memory, now; {} if none is told."""
    found: Dict[str, float] = {}
    for folder in sorted(glob.glob(os.path.join(root, "sys/devices/system/cpu/cpufreq/policy*"))):
        _add(found, os.path.basename(folder), os.path.join(folder, "scaling_cur_freq"), 1e3)  # kHz
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/devfreq/*"))):
        _add(found, os.path.basename(folder), os.path.join(folder, "cur_freq"), 1.0)  # Hz
    return found


def throttling(root: str = "/") -> Optional[str]:
    """A sentence if a cooling device holds clocks down now; None if none does or none is told."""
    active = []
    for folder in sorted(glob.glob(os.path.join(root, "sys/class/thermal/cooling_device*"))):
        kind = sysfs.text(os.path.join(folder, "type")) or ""
        state = sysfs.number(os.path.join(folder, "cur_state"))
        if state and "fan" not in kind.lower():  # a fan that turns slows nothing
            active.append("{} at {}".format(kind, state))
    return "cooling: " + ", ".join(active) if active else None


def swap(root: str = "/") -> Optional[Dict[str, int]]:
    """{"used_bytes", "total_bytes"}; None if the kernel does not say."""
    lines = (_text(root, "proc/meminfo") or "").splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Swap")}
    if "SwapTotal" not in sizes or "SwapFree" not in sizes:
        return None
    total = int(sizes["SwapTotal"]) * 1024  # meminfo is in KiB
    return {"used_bytes": total - int(sizes["SwapFree"]) * 1024, "total_bytes": total}


def load_average(root: str = "/") -> Optional[float]:
    """Processes that want a core, averaged over a minute; None if unknown."""
    text = _text(root, "proc/loadavg")
    return float(text.split()[0]) if text else None


def _uptime(root: str) -> Optional[float]:
    text = _text(root, "proc/uptime")
    return float(text.split()[0]) if text else None


def _add(found: Dict[str, float], name: str, path: str, unit: float) -> None:
    value = sysfs.number(path)
    if value is not None:
        found[name] = value * unit


def _mode_names(root: str) -> Dict[int, str]:
    """Names of the power modes in nvpmodel.conf: lines "< POWER_MODEL ID=0 NAME=MAXN >"."""
    names: Dict[int, str] = {}
    for line in (_text(root, "etc/nvpmodel.conf") or "").splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if "POWER_MODEL" in line and words.get("ID", "").isdigit():
            names[int(words["ID"])] = words.get("NAME", words["ID"])
    return names


def _text(root: str, path: str) -> Optional[str]:
    return sysfs.text(os.path.join(root, path))
