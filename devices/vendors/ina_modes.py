"""How an INA3221's values come about, by snapshot or by averaging, as its driver is set now."""

import glob
import os
from typing import NamedTuple, Optional

from edgejoule.devices.vendors import sysfs

MILLI = 1e-3
IIO_CYCLE_S, IIO_AVERAGES = 6.6e-3, 64  # continuous mode of NVIDIA's 4.9 driver
# A filter of a time constant of one sampling period leaves a sixth of what beats with the grid;
# a shorter one leaves more, and moments that wander do better than the filter.
SMOOTH_S = 0.1


class Mode(NamedTuple):
    """How a chip is set: `sensing` as in DeviceInfo, how far it trails and how often it is new.

    `update_s` is None if the driver does not say.
    """

    sensing: str
    lag_s: float
    update_s: Optional[float]


def mode(folder: str) -> Mode:
    """The mode of the chip in that folder, now.

    A triggered chip (running_mode 0) takes a snapshot at every read, and so does one that
    averages a single sample.
    """
    trail_s = lag_s(folder)
    return Mode("average" if trail_s >= SMOOTH_S else "instant", trail_s, renewed_s(folder))


def lag_s(folder: str) -> float:
    """How far a chip's values trail, as it is set now: its averaging is a first-order filter."""
    if glob.glob(os.path.join(folder, "rail_name_*")):
        return IIO_CYCLE_S * IIO_AVERAGES if _continuous(folder) else 0.0
    averages = _averages(folder)
    return averages * (renewed_s(folder) or 0.0) if averages > 1 else 0.0


def renewed_s(folder: str) -> Optional[float]:
    """Seconds after which a value is new; None if the driver does not say.

    In hwmon `update_interval` is the time of all the conversions that are averaged.
    """
    if _continuous(folder):
        return IIO_CYCLE_S
    milli = sysfs.number(os.path.join(folder, "update_interval"))
    return milli * MILLI / _averages(folder) if milli else None


def _continuous(folder: str) -> bool:
    return sysfs.number(os.path.join(folder, "running_mode")) == 1


def _averages(folder: str) -> int:
    return max(sysfs.number(os.path.join(folder, "samples")) or 1, 1)
