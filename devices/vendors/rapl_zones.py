"""The energy counters of a processor under powercap, and which of them make a total.

psys holds package holds core and uncore; on servers dram stands beside package. A zone that
appears again as intel-rapl-mmio is the same counter; where only that driver runs it is the one.
"""

import glob
import os
from typing import List, NamedTuple, Optional

from edgejoule import plugins
from edgejoule.devices.vendors import sysfs

KINDS = ("package", "core", "uncore", "dram", "psys")
MMIO = "mmio"  # in the folder's name: the same registers, reached through memory
LIMITS = "constraint_*_{}_uw"  # long and short term, peak; power_limit may be set above max_power
MICRO = 1e-6


class Zone(NamedTuple):
    """One counter: `kind` of `KINDS` if it is known, its label ("dram-1"), folder and limit.

    `limit_watts` is the most the firmware lets it draw, None where it does not say.
    """

    kind: str
    label: str
    folder: str
    limit_watts: Optional[float]


def find(root: str = "/sys") -> List[Zone]:
    """Every zone with an energy counter, each counter once."""
    folders = sorted(glob.glob(os.path.join(root, "class/powercap/intel-rapl*:*")))
    zones = [_zone(f) for f in folders if os.path.exists(os.path.join(f, "energy_uj"))]
    known = [zone for zone in zones if zone is not None]
    direct = [zone for zone in known if MMIO not in os.path.basename(zone.folder)]
    taken = {zone.label for zone in direct}
    second = [zone for zone in known if zone not in direct and zone.label not in taken]
    return _told_apart(direct) + _told_apart(second)


def chosen(zones: List[Zone], name: Optional[str]) -> List[Zone]:
    """The zones to add for a kind or a label; None stands for what there is of the whole.

    That is the packages and their dram, or psys where there is no package; a "package" is
    asked for with its dram. [] if this machine has none of the kind.

    Raises:
        ValueError: there is neither a kind nor a counter of that name.
    """
    whole = [zone for zone in zones if zone.kind in ("package", "dram")]
    psys = [zone for zone in zones if zone.kind == "psys"][:1]  # each socket's is of all sockets
    if name is None:
        return whole or psys
    if name == "package":
        return whole if any(zone.kind == "package" for zone in zones) else []
    if name in KINDS:
        return psys if name == "psys" else [zone for zone in zones if zone.kind == name]
    named = [zone for zone in zones if zone.label == name]
    if not named:
        labels = [zone.label for zone in zones]
        raise ValueError(
            "rapl: asked for {!r}; this machine counts {}; ask for rapl:KIND, which is {}, or for "
            "one by its name.{}".format(
                name,
                ", ".join(labels) or "nothing",
                ", ".join(KINDS),
                plugins.nearest(name, KINDS + tuple(labels)),
            )
        )
    return named


def _told_apart(zones: List[Zone]) -> List[Zone]:
    """The zones; of those that share a label, each with its folder's name: none may be lost."""
    labels = [zone.label for zone in zones]
    return [
        zone
        if labels.count(zone.label) == 1
        else zone._replace(label="{}@{}".format(zone.label, os.path.basename(zone.folder)))
        for zone in zones
    ]


def _zone(folder: str) -> Optional[Zone]:
    name = sysfs.text(os.path.join(folder, "name"))
    if not name:
        return None
    kind = name.split("-")[0]
    # A part draws no more than what it is a part of, and mostly has no limit of its own.
    return Zone(kind, _label(name, folder), folder, _limit(folder) or _limit(_parent(folder)))


def _label(name: str, folder: str) -> str:
    """Names as "dram-1": the number is that of the package, which a part's own name lacks."""
    if "-" in name:
        return name
    parent = sysfs.text(os.path.join(_parent(folder), "name")) or ""
    number = parent[len("package-") :] if parent.startswith("package-") else ""
    return "{}-{}".format(name, number or os.path.basename(folder).split(":")[1])


def _parent(folder: str) -> str:
    """The folder of the zone that holds this one; its own if none does."""
    above, _, name = folder.rpartition(os.sep)
    parts = name.split(":")
    return os.path.join(above, ":".join(parts[: max(len(parts) - 1, 2)]))


def _limit(folder: str) -> Optional[float]:
    """The highest of a zone's limits in watts; 0 stands for none, and some cannot be read."""
    paths = [
        path
        for kind in ("max_power", "power_limit")
        for path in glob.glob(os.path.join(folder, LIMITS.format(kind)))
    ]
    return max([sysfs.number(path) or 0 for path in paths], default=0) * MICRO or None
