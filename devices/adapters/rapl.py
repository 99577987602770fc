"""Energy counters of an x86 processor (Linux powercap, Intel RAPL; AMD's driver is the same).

psys holds package holds core and uncore; on servers dram stands beside package. The total is
package + dram, or psys alone where there is no package. A zone that appears again as
intel-rapl-mmio is the same counter; dies that always agree are one counter mirrored.
"""

import glob
import os
from typing import List, Optional, Sequence, Tuple

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import sysfs

MICRO = 1e-6
PERIOD_S = 0.1  # far below the minutes in which a counter wraps
UPDATE_S = 1e-3  # about, says Intel's manual
LOOKS = 5  # at two counters, before they are taken for one
GAIN = 0.02  # package counters against external meters, Haswell and later
PERMISSION = (
    "rapl: {} is readable by root only (CVE-2020-8694); mend it until the next boot "
    "with: sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj"
)


def present(root: str = "/sys") -> bool:
    """True if a powercap zone with an energy counter is there, readable or not."""
    return bool(_zones(root))


def open(scope: Optional[str] = None, root: str = "/sys", clock: Clock = MACHINE) -> "Packages":
    """The counters of a scope, "package" (with its dram) or "psys"; None for what there is.

    They need no clock: a value is stamped by whoever reads it.

    Raises:
        RuntimeError: there is no such counter, or this user may not read it.
    """
    zones = _counted(_zones(root), scope)
    if not zones:
        raise RuntimeError(
            "rapl: no {} energy counter under {}/class/powercap".format(scope or "package", root)
        )
    try:
        return Packages([Counter(zone) for zone in zones], root)
    except PermissionError as error:
        raise RuntimeError(PERMISSION.format(error.filename)) from None


class Counter:
    """One zone's joules since it was opened, across any number of wraps."""

    def __init__(self, zone: Tuple[str, str]):
        self.label, self.folder = zone
        self._file = sysfs.NumberFile(os.path.join(self.folder, "energy_uj"))
        self._range = sysfs.number(os.path.join(self.folder, "max_energy_range_uj"))
        self._last, self._sum = self._file.read(), 0

    def joules(self) -> float:
        """Joules since opening; exact if read at least once per wrap (17 min at 250 W)."""
        now = self._file.read()
        moved = now - self._last
        if moved < 0:
            if not self._range:
                raise RuntimeError("{}: ran backwards and its range is unknown".format(self.folder))
            moved += self._range  # the counter has wrapped
        self._sum += moved
        self._last = now
        return self._sum * MICRO

    def raw(self) -> int:
        """The register itself, in microjoules."""
        return self._file.read()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class Packages(Device):
    """The zones that make the total."""

    def __init__(self, counters: Sequence[Counter], root: str):
        self._counters = _unmirrored(counters)
        self._root = root

    def info(self) -> DeviceInfo:
        """The processor and the zones that are added."""
        labels = [counter.label for counter in self._counters]
        scope = "board" if labels[0].startswith("psys") else "package"
        return DeviceInfo(
            "rapl",
            _processor(self._root),
            "+".join(labels),
            scope,
            driver="intel-rapl",
            period_s=PERIOD_S,
            update_s=UPDATE_S,
            gain=GAIN,
        )

    def read(self) -> List[Sample]:
        """Joules since opening, per zone and added up."""
        rails = {counter.label: counter.joules() for counter in self._counters}
        return [Sample(joules=sum(rails.values()), rails=rails)]

    def close(self) -> None:
        """Give all files back."""
        for counter in self._counters:
            counter.close()


def _zones(root: str) -> List[Tuple[str, str]]:
    """(name, folder) of every zone, the directories of mmio duplicates left out."""
    folders = sorted(glob.glob(os.path.join(root, "class/powercap/intel-rapl*:*")))
    zones = [
        (sysfs.text(os.path.join(f, "name")), f)
        for f in folders
        if os.path.exists(os.path.join(f, "energy_uj")) and "mmio" not in os.path.basename(f)
    ]
    return [(name, folder) for name, folder in zones if name]


def _counted(zones: List[Tuple[str, str]], scope: Optional[str]) -> List[Tuple[str, str]]:
    """Zones to add: packages and their dram; or psys, which holds them."""
    psys = [(name, f) for name, f in zones if name == "psys"][:1]
    chosen = [(name, f) for name, f in zones if name.startswith("package") or name == "dram"]
    chosen = psys if scope == "psys" or (scope is None and not chosen) else chosen
    return [(_label(name, folder), folder) for name, folder in chosen]


def _label(name: str, folder: str) -> str:
    """Names as "dram-1": the package number is part of a sub-zone's folder only."""
    return name if "-" in name else name + "-" + os.path.basename(folder).split(":")[1]


def _unmirrored(counters: Sequence[Counter]) -> List[Counter]:
    """The counters, of two of a kind that show the same microjoules only the first."""
    kept: List[Counter] = []
    for counter in counters:
        if any(_mirrors(counter, other) for other in kept):
            counter.close()
        else:
            kept.append(counter)
    return kept


def _mirrors(one: Counter, other: Counter) -> bool:
    """True if both ever agree: by chance, two running counters do so once in a billion reads."""
    same_kind = one.label.split("-")[0] == other.label.split("-")[0]
    return same_kind and any(one.raw() == other.raw() != 0 for _ in range(LOOKS))


def _processor(root: str) -> str:
    """The processor's model name, from /proc beside the tree."""
    lines = (sysfs.text(os.path.join(root, "../proc/cpuinfo")) or "").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "processor"
