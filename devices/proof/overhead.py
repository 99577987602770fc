"""What the sampling thread costs: the share of a core it takes on six rails of sysfs."""

import os
import tempfile
import time
from typing import Any, Dict

from edgejoule.devices.adapters import ina3221
from edgejoule.devices.meter import Meter

RAILS = ("GPU", "CPU", "SOC"), ("CV", "VDDRQ", "SYS5V")  # a Jetson AGX Xavier: all are added
TRIES = 3  # what else runs on the machine can only add


def least(hertz: float, seconds: float) -> Dict[str, Any]:
    """The `core_share` of the cheapest of three tries that last `seconds` together."""
    found = [core_share(hertz, seconds / TRIES) for _ in range(TRIES)]
    return min(found, key=lambda each: each["core_share"])


def core_share(hertz: float, seconds: float) -> Dict[str, Any]:
    """Share of one core [0, 1] that sampling takes at this rate.

    "hertz", "core_share", "reads" (how many there were) and "seconds" (what they took).
    """
    with tempfile.TemporaryDirectory() as root:
        _tree(root)
        device = ina3221.open(root=root)
        with Meter(device, period_s=1.0 / hertz) as meter:
            time.sleep(seconds)
            cost = meter.cost()["ina3221"]
        device.close()
    return {
        "hertz": hertz,
        "core_share": cost["core_share"],
        "reads": cost["reads"],
        "seconds": cost["seconds"],
    }


def _tree(root: str) -> None:
    """Six rails in the layout of L4T 32."""
    for chip, labels in enumerate(RAILS):
        folder = os.path.join(root, "bus/i2c/devices/1-004{0}/iio:device{0}".format(chip))
        os.makedirs(folder)
        for n, label in enumerate(labels):
            _write(folder, "rail_name_{}".format(n), label)
            _write(folder, "in_power{}_input".format(n), "1500")


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w") as file:
        file.write(text + "\n")
