"""What was found out about a sensor, kept between runs: one JSON file per device and rail."""

import hashlib
import json
import os
from typing import Any, Dict, Optional

from edgejoule.devices.reading import DeviceInfo

ASKED = "EDGEJOULE_SENSORS"


def load(info: DeviceInfo) -> Dict[str, Any]:
    """The facts of a sensor by their names; {} if none are stored."""
    path = _path(info, None)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf8") as file:
        return json.load(file)["facts"]


def save(info: DeviceInfo, facts: Dict[str, Any], folder: Optional[str] = None) -> str:
    """The file that now holds these facts beside those that were stored before."""
    path = _path(info, folder)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    document = {"schema": 1, "facts": dict(load(info), **facts)}
    with open(path + ".tmp", "w", encoding="utf8") as file:
        json.dump(document, file, indent=1)
    os.replace(path + ".tmp", path)
    return path


def _path(info: DeviceInfo, folder: Optional[str]) -> str:
    key = json.dumps([info.adapter, info.name, info.rail])
    name = "{}-{}.json".format(info.adapter, hashlib.sha256(key.encode()).hexdigest()[:12])
    home = os.path.join(os.path.expanduser("~"), ".local", "share", "edgejoule", "sensors")
    return os.path.join(folder or os.environ.get(ASKED) or home, name)
