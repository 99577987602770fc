"""The channels of INA3221 and INA238 power monitors under a sysfs tree.

Three layouts: iio (L4T <= 32, driver ina3221x: mV, mA, mW), hwmon (L4T >= 34, driver ina3221:
mV, mA, no power file), and the hwmon of an INA238 (Thor's carrier: mV, mA, power in uW).
One chip is reachable by several paths; each is taken once.
"""

import glob
import os
from typing import Callable, Dict, List, NamedTuple, Optional

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.vendors import sysfs

CHIPS = ("ina3221", "ina238")
LAYOUTS = (
    "bus/i2c/devices/*/iio:device*",
    "bus/i2c/devices/*/hwmon/hwmon*",
    "bus/i2c/drivers/ina3221x/*/iio:device*",
    "bus/i2c/drivers/ina3221/*/hwmon/hwmon*",
    "bus/i2c/drivers/ina238/*/hwmon/hwmon*",
)
VOLTS_EVERY_S = 1.0  # a supply's voltage moves little; reading it costs as much as the current
MILLI = 1e-3
LSB_VOLTS = 40e-6  # across the shunt: the resolution that the INA3221's data sheet gives
IIO_CYCLE_S, IIO_AVERAGES = 6.6e-3, 64  # continuous mode of NVIDIA's 4.9 driver


class Rail(NamedTuple):
    """One channel: its label, the chip's folder, files, and how far its value trails.

    `power_unit` turns the number in the file `power` into watts; `ohms` is its shunt.
    """

    label: str
    folder: str
    volts: Optional[str]
    amps: Optional[str]
    power: Optional[str]
    power_unit: float
    lag_s: float
    update_s: Optional[float]
    ohms: Optional[float]


class Channel:
    """An opened rail; `watts()` reads it: the fewer calls lie between, the less sampling costs."""

    def __init__(self, rail: Rail, clock: Clock = MACHINE):
        self.rail, self._clock = rail, clock
        self._power = sysfs.NumberFile(rail.power, rail.power_unit) if rail.power else None
        self._amps = sysfs.NumberFile(rail.amps, MILLI) if rail.amps else None
        self._volts = sysfs.NumberFile(rail.volts, MILLI) if rail.volts else None
        self._last_volts, self._volts_read_s = 0.0, float("-inf")
        self.watts: Callable[[], float] = self._power.read if self._power else self._product

    def _product(self) -> float:
        """Watts now; a small negative current at idle keeps its sign."""
        assert self._amps is not None  # `_usable` lets no rail in that has neither
        return self._amps.read() * self.volts()

    def volts(self) -> float:
        """Supply volts, read at most once a second."""
        assert self._volts is not None
        now = self._clock.now()
        if now - self._volts_read_s >= VOLTS_EVERY_S:
            self._last_volts = self._volts.read()
            self._volts_read_s = now
        return self._last_volts

    def step_watts(self) -> Optional[float]:
        """Resolution: 40 uV across the shunt, at the supply's voltage; None if unknown."""
        if not self.rail.ohms or self._volts is None:
            return None
        return LSB_VOLTS / self.rail.ohms * self.volts()

    def close(self) -> None:
        """Give its files back."""
        for file in (self._power, self._amps, self._volts):
            if file is not None:
                file.close()


def find(root: str = "/sys") -> List[Rail]:
    """Every rail with a label under the tree, in order of chip and channel."""
    folders: Dict[str, str] = {}
    for pattern in LAYOUTS:
        for folder in sorted(glob.glob(os.path.join(root, pattern))):
            folders.setdefault(os.path.realpath(folder), folder)
    return [rail for folder in sorted(folders.values()) for rail in _rails(folder)]


def _rails(folder: str) -> List[Rail]:
    # The name is the chip's own, its I2C client's, or that of what is above: it moved.
    chip = sysfs.text(os.path.join(folder, "name")) or ""
    chip += sysfs.text(os.path.join(folder, "..", "name")) or ""
    chip += sysfs.text(os.path.join(folder, "..", "..", "name")) or ""
    if "ina238" in chip:
        return [_ina238(folder)]
    if glob.glob(os.path.join(folder, "rail_name_*")):
        return [r for r in (_iio(folder, n) for n in (0, 1, 2)) if r]
    if "ina3221" in chip:
        return [r for r in (_hwmon(folder, n) for n in (1, 2, 3)) if r]
    return []


def lag_s(folder: str) -> float:
    """How far a chip's values trail, as it is set now: its averaging is a first-order filter.

    A triggered chip (running_mode 0) takes a snapshot at every read, and so does one that
    averages a single sample.
    """
    if glob.glob(os.path.join(folder, "rail_name_*")):
        continuous = sysfs.number(os.path.join(folder, "running_mode")) == 1
        return IIO_CYCLE_S * IIO_AVERAGES if continuous else 0.0
    averages = _averages(folder)
    return averages * (_renewed_s(folder) or 0.0) if averages > 1 else 0.0


def _renewed_s(folder: str) -> Optional[float]:
    """Seconds after which a value is new; None if the driver does not say.

    In hwmon `update_interval` is the time of all the conversions that are averaged.
    """
    if sysfs.number(os.path.join(folder, "running_mode")) == 1:
        return IIO_CYCLE_S
    milli = sysfs.number(os.path.join(folder, "update_interval"))
    return milli * MILLI / _averages(folder) if milli else None


def _averages(folder: str) -> int:
    return sysfs.number(os.path.join(folder, "samples")) or 1


def _iio(folder: str, n: int) -> Optional[Rail]:
    label = sysfs.text(os.path.join(folder, "rail_name_{}".format(n))) or ""
    volts, amps, power = [
        _existing(folder, name.format(n))
        for name in ("in_voltage{}_input", "in_current{}_input", "in_power{}_input")
    ]
    return _usable(
        Rail(label, folder, volts, amps, power, MILLI, lag_s(folder), _renewed_s(folder), None)
    )


def _hwmon(folder: str, n: int) -> Optional[Rail]:
    if sysfs.number(os.path.join(folder, "in{}_enable".format(n))) == 0:
        return None
    label = sysfs.text(os.path.join(folder, "in{}_label".format(n))) or ""
    micro = sysfs.number(os.path.join(folder, "shunt{}_resistor".format(n)))
    rail = Rail(
        label,
        folder,
        _existing(folder, "in{}_input".format(n)),
        _existing(folder, "curr{}_input".format(n)),
        None,
        0.0,
        lag_s(folder),
        _renewed_s(folder),
        micro * 1e-6 if micro else None,
    )
    return _usable(rail)


def _ina238(folder: str) -> Rail:
    """The one channel of Thor's input sensor; its driver gives it no label."""
    return Rail(
        "VIN",
        folder,
        _existing(folder, "in1_input"),
        _existing(folder, "curr1_input"),
        _existing(folder, "power1_input"),
        1e-6,
        0.0,
        None,
        None,
    )


def _existing(folder: str, name: str) -> Optional[str]:
    path = os.path.join(folder, name)
    return path if os.path.exists(path) else None


def _usable(rail: Rail) -> Optional[Rail]:
    """The rail, unless it is not connected ("NC") or has nothing to read."""
    if (
        not rail.label
        or "NC" in rail.label.split("_")
        or not (rail.power or (rail.volts and rail.amps))
    ):
        return None
    return rail
