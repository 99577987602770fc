"""Energy counters of an x86 processor (Linux powercap, Intel RAPL; AMD's driver is the same).

The total is package + dram, or psys alone where there is no package; parts can be asked for by
name. Dies that always agree are one counter mirrored. A counter that runs backwards has wrapped
if the watts in between are possible; else it was started anew, by a suspend or by its driver.
"""

import os
from typing import List, Optional, Sequence

from edgejoule.devices import conditions
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import container, rapl_zones, sysfs
from edgejoule.devices.vendors.rapl_counter import Counter

PERIOD_S = 0.1  # far below the minutes in which a counter wraps
UPDATE_S = 1e-3  # about, says Intel's manual
LOOKS = 5  # at two counters, before they are taken for one
GAIN = 0.02  # package counters against external meters, Haswell and later
SCOPES = {"psys": "board", "package": "package"}  # other parts: their own
PERMISSION = (
    "rapl: {} is readable by root only (CVE-2020-8694); mend it until the next boot "
    "with: sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj"
)
WAY_IN = (
    "-v /sys/class/powercap:/sys/class/powercap:ro, where Docker masks the counters behind it "
    + container.HOST_SYSFS
    + "; their energy_uj is readable by root only"
)


def present(root: str = "/sys") -> bool:
    """True if a powercap zone with an energy counter is there, readable or not."""
    return bool(rapl_zones.find(root))


def open(scope: Optional[str] = None, root: str = "/sys", clock: Clock = MACHINE) -> "Packages":
    """The counters of a name: "package" (with its dram), "core", "uncore", "dram", "psys".

    One counter by its label, such as "dram-1"; None for what there is of the whole.

    Raises:
        RuntimeError: there is no such counter, or this user may not read it.
        ValueError: the name is none of these.
    """
    found = rapl_zones.find(root)
    zones = rapl_zones.chosen(found, scope)
    if not zones:
        raise RuntimeError(
            "rapl: no {} energy counter under {}/class/powercap{}{}".format(
                scope or "package",
                root,
                "; there are " + ", ".join(zone.label for zone in found) if found else "",
                "" if found else container.hint(WAY_IN, conditions.root_of(root)),
            )
        )
    counters: List[Counter] = []
    try:
        for zone in zones:
            counters.append(Counter(zone, clock))
        return Packages(counters, root)
    except (OSError, RuntimeError) as error:
        for counter in counters:
            counter.close()
        if isinstance(error, PermissionError):
            raise RuntimeError(PERMISSION.format(error.filename)) from None
        raise RuntimeError("rapl: a counter cannot be read: {}".format(error)) from None


class Packages(Device):
    """The zones that make the total."""

    def __init__(self, counters: Sequence[Counter], root: str):
        self._counters = _unmirrored(counters)
        self._root, self._restarts = root, 0

    def info(self) -> DeviceInfo:
        """The processor and the zones that are added."""
        kind = self._counters[0].zone.kind
        limits = [counter.zone.limit_watts for counter in self._counters]
        known = [limit for limit in limits if limit is not None]
        return DeviceInfo(
            "rapl",
            _processor(self._root),
            "+".join(counter.label for counter in self._counters),
            SCOPES.get(kind, kind),
            driver="intel-rapl",
            period_s=PERIOD_S,
            update_s=UPDATE_S,
            gain=GAIN,
            sensing="counter",
            limit_watts=sum(known) if len(known) == len(limits) else None,
        )

    def read(self) -> List[Sample]:
        """Joules so far, per zone and added up; a restart of any is a step back of all.

        Raises:
            RuntimeError: one ran backwards, and it is not known where it wraps.
        """
        restarted = [counter for counter in self._counters if not counter.look()]
        if restarted:
            # All of them: the others' joules must not hide in the sum that this one fell back.
            for counter in self._counters:
                counter.restart()
            self._restarts += 1
            for counter in restarted:
                if not counter.has_range():
                    raise RuntimeError(
                        "{}: ran backwards and its range is unknown".format(counter.zone.folder)
                    )
        rails = {counter.label: counter.joules for counter in self._counters}
        return [Sample(joules=sum(rails.values()), rails=rails)]

    def notes(self) -> List[str]:
        """That a counter was restarted, and how often."""
        if not self._restarts:
            return []
        return [
            "rapl: a counter was started anew (suspend or driver), seen {}x; what it had counted "
            "since the read before is lost".format(self._restarts)
        ]

    def close(self) -> None:
        """Give all files back."""
        for counter in self._counters:
            counter.close()


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
    same_kind = one.zone.kind == other.zone.kind
    return same_kind and any(one.raw() == other.raw() != 0 for _ in range(LOOKS))


def _processor(root: str) -> str:
    """The processor's model name, from /proc beside the tree."""
    lines = (sysfs.text(os.path.join(root, "../proc/cpuinfo")) or "").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "processor"
