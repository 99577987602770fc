"""What was found out about a sensor, kept between runs: one JSON file per device and rail.

In $EDGEJOULE_SENSORS, else $XDG_DATA_HOME/edgejoule/sensors, else
~/.local/share/edgejoule/sensors. A quantity ("gain", "offset_watts", "lag_s", "update_s",
"window_s") is a dictionary of "value", "low" and "high", the 95 % interval, and of who found
it: "found" (a date), "by" ("calibrate" or "doctor"), "against" (the meter). "range_watts" is
[lowest, highest] of what was compared. A file that is not ours is a sentence, not a failure.
"""

import hashlib
import json
import os
from typing import Any, Dict, List, NamedTuple, Optional

from edgejoule.devices.calibration import documents
from edgejoule.devices.reading import DeviceInfo
from edgejoule.devices.vendors import sysfs

ASKED = "EDGEJOULE_SENSORS"
ORIGIN = ("found", "by", "against")
# A doctor's estimate, made every night, must not take the place of a comparison with a meter.
RANK = {"doctor": 0, "calibrate": 1}
SERIAL = "sys/firmware/devicetree/base/serial-number"
LETTERS = 12  # of a hash: no two sensors of one home folder share that many


class Look(NamedTuple):
    """What is stored of a sensor, and sentences on files that could not be used."""

    facts: Dict[str, Any]
    troubles: List[str]


def load(
    info: DeviceInfo, serial: Optional[str] = None, folder: Optional[str] = None
) -> Dict[str, Any]:
    """The facts of a sensor by their names; {} if none are stored."""
    return look(info, serial, folder).facts


def look(info: DeviceInfo, serial: Optional[str] = None, folder: Optional[str] = None) -> Look:
    """What is stored of a sensor of that serial number, and what stands in the way.

    What was stored without a serial number holds for every sensor of the name; what was stored
    with one goes before it.
    """
    found: Dict[str, Any] = {}
    troubles: List[str] = []
    for each in (None, serial or machine_serial()):
        path = path_of(info, each, folder)
        if os.path.lexists(path):
            facts, trouble = documents.facts(path, sensor(info, each))
            found.update(facts)
            troubles += [trouble] if trouble else []
    return Look(found, list(dict.fromkeys(troubles)))


def save(
    info: DeviceInfo,
    facts: Dict[str, Any],
    folder: Optional[str] = None,
    serial: Optional[str] = None,
) -> str:
    """The file that now holds these facts beside those that were stored of the sensor before.

    Raises:
        ValueError: a quantity is no number with an interval round it.
        OSError: the folder cannot be written.
    """
    problem = documents.flaw(facts)
    if problem:
        raise ValueError("calibration: {}".format(problem))
    serial = serial or machine_serial()
    path = path_of(info, serial, folder)
    kept = documents.facts(path, sensor(info, serial))[0] if os.path.exists(path) else {}
    document = {
        "schema": documents.SCHEMA,
        "sensor": sensor(info, serial),
        "facts": _merged(kept, facts),
    }
    os.makedirs(os.path.dirname(path), exist_ok=True)
    documents.write(path, json.dumps(document, indent=1, sort_keys=True) + "\n")
    return path


def prepare(folder: Optional[str] = None) -> None:
    """Make the folder, so that minutes of comparing are not lost for want of it.

    Raises:
        ValueError: it cannot be written.
    """
    folder = folder or home()
    try:
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return
        why = "it is not yours to write"
    except OSError as error:
        why = error.strerror or str(error)
    raise ValueError(
        "calibrate: nothing can be stored in {}: {}; name another folder with {}".format(
            folder, why, ASKED
        )
    )


def listed(folder: Optional[str] = None) -> List[Dict[str, Any]]:
    """Every stored sensor: "path", and "sensor" and "facts", or "trouble" if it is unusable."""
    folder = folder or home()
    found = []
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for path in [os.path.join(folder, name) for name in names if name.endswith(".json")]:
        document, trouble = documents.read(path)
        if trouble is None:
            found.append(dict(path=path, sensor=document["sensor"], facts=document["facts"]))
        else:
            found.append({"path": path, "trouble": trouble})
    return found


def forget(name: str, folder: Optional[str] = None) -> str:
    """The path of the one file that was removed, whose name begins like this.

    Raises:
        ValueError: none does, or several do.
    """
    paths = [each["path"] for each in listed(folder)]
    stems = {os.path.basename(path)[: -len(".json")]: path for path in paths}
    found = [stem for stem in stems if stem == name] or [s for s in stems if s.startswith(name)]
    if len(found) != 1:
        raise ValueError(
            "calibrate: asked to forget {!r}, found {}; stored are: {}".format(
                name,
                "none" if not found else ", ".join(found),
                ", ".join(sorted(stems)) or "none",
            )
        )
    os.remove(stems[found[0]])
    return stems[found[0]]


def home() -> str:
    """The folder of what is stored."""
    asked = os.environ.get(ASKED)
    if asked:
        return asked
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(
        os.path.expanduser("~"), ".local", "share"
    )
    return os.path.join(data, "edgejoule", "sensors")


def path_of(info: DeviceInfo, serial: Optional[str] = None, folder: Optional[str] = None) -> str:
    """The file of a sensor; its name is the adapter's and a hash of what tells sensors apart."""
    key = json.dumps(sensor(info, serial), sort_keys=True)
    name = "{}-{}.json".format(info.adapter, _hash(key))
    return os.path.join(folder or home(), name.replace(os.sep, "_"))


def sensor(info: DeviceInfo, serial: Optional[str] = None) -> Dict[str, Optional[str]]:
    """What tells one sensor from another; of a serial number only its hash, which names nobody."""
    return {
        "adapter": info.adapter,
        "name": info.name,
        "rail": info.rail,
        "serial": _hash(serial) if serial else None,
    }


def machine_serial(root: str = "/") -> Optional[str]:
    """The board's serial number by its device tree; None on a PC, whose only root may read."""
    return (sysfs.text(os.path.join(root, SERIAL)) or "").strip("\0 ") or None


def _merged(kept: Dict[str, Any], fresh: Dict[str, Any]) -> Dict[str, Any]:
    """All facts; each quantity says who found it, and the better source stays."""
    origin = {name: fresh[name] for name in ORIGIN if fresh.get(name)}
    merged, taken = dict(kept), False
    for name, value in fresh.items():
        if value is None:  # not found this time, which takes nothing back
            continue
        if name in documents.QUANTITIES:
            if _rank(kept.get(name)) > _rank(origin):
                continue
            merged[name] = dict(value, **origin)
            taken = True
        elif name not in ORIGIN:
            merged[name] = value
    outranked = _rank(kept) > _rank(origin)
    if not outranked and (taken or not kept):
        merged.update(origin)
    return merged


def _rank(origin: Optional[Dict[str, Any]]) -> int:
    return RANK.get((origin or {}).get("by", ""), -1)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf8")).hexdigest()[:LETTERS]
