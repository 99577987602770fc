"""Which NVIDIA GPUs sleep, by the kernel's own files: NVML would wake them to answer.

A laptop's driver powers its GPU down when nobody uses it (runtime power management).
"""

import glob
import os
import re
from typing import List, Optional, Tuple

from edgejoule.devices.vendors import sysfs

ROOT = "/sys"
NVIDIA, DISPLAY = "0x10de", "0x03"  # vendor; class of graphics and of 3D controllers
ASLEEP = ("suspended", "suspending")
BUS_ID = re.compile(r"(?:([0-9a-f]+):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$", re.IGNORECASE)


def asleep(root: Optional[str] = None) -> List[str]:
    """Bus ids of the GPUs that would have to be woken."""
    return [os.path.basename(each) for each in _gpus(root) if _status(each) in ASLEEP]


def awake(root: Optional[str] = None) -> List[str]:
    """Bus ids of the other GPUs."""
    return [os.path.basename(each) for each in _gpus(root) if _status(each) not in ASLEEP]


def place(bus_id: Optional[str]) -> Optional[Tuple[int, ...]]:
    """(domain, bus, device, function) of "0000:01:00.0", "00000000:01:00.0" or "01:00.0"."""
    found = BUS_ID.match(bus_id or "")
    return tuple(int(part or "0", 16) for part in found.groups()) if found else None


def _gpus(root: Optional[str]) -> List[str]:
    """Folders of the NVIDIA GPUs whose driver is NVIDIA's, or not told."""
    folders = sorted(glob.glob(os.path.join(root or ROOT, "bus/pci/devices/*")))
    return [
        each
        for each in folders
        if sysfs.text(os.path.join(each, "vendor")) == NVIDIA
        and (sysfs.text(os.path.join(each, "class")) or "").startswith(DISPLAY)
        and _driver(each) in (None, "nvidia")  # NVML cannot wake what nouveau or vfio holds
    ]


def _driver(folder: str) -> Optional[str]:
    link = os.path.join(folder, "driver")
    return os.path.basename(os.path.realpath(link)) if os.path.islink(link) else None


def _status(folder: str) -> Optional[str]:
    return sysfs.text(os.path.join(folder, "power/runtime_status"))
