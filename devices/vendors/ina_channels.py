"""The channels of INA3221 and INA238 power monitors under a sysfs tree.

Three layouts: iio (L4T <= 32, driver ina3221x: mV, mA, mW), hwmon (L4T >= 34, driver ina3221:
mV, mA, no power file), and the hwmon of an INA238 (Thor's carrier: mV, mA, power in uW).
One chip is reachable by several paths; each is taken once.
"""

import glob
import os
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.vendors import sysfs

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
FULL_SCALE_VOLTS = 163.8e-3  # across the shunt: what an INA3221 shows at most, same source


class Rail(NamedTuple):
    """One channel: its label, its chip ("1-0041") and number there, the chip's folder and files.

    `power_unit` turns the number in the file `power` into watts; `ohms` is its shunt.
    """

    label: str
    chip: str
    number: int
    folder: str
    volts: Optional[str]
    amps: Optional[str]
    power: Optional[str]
    power_unit: float
    ohms: Optional[float]


class Channel:
    """An opened rail; `watts()` reads it: the fewer calls lie between, the less sampling costs."""

    def __init__(self, rail: Rail, clock: Clock = MACHINE):
        self.rail, self._clock = rail, clock
        self._files: List[sysfs.NumberFile] = []
        try:
            # Where the driver multiplies, its volts and amps are not needed and may be unreadable.
            self._power = self._opened(rail.power, rail.power_unit)
            self._amps = None if self._power else self._opened(rail.amps, MILLI)
            self._volts = None if self._power else self._opened(rail.volts, MILLI)
        except OSError:
            self.close()
            raise
        self._last_volts, self._volts_read_s = 0.0, float("-inf")
        self.watts: Callable[[], float] = self._power.read if self._power else self._product

    def _opened(self, path: Optional[str], unit: float) -> Optional[sysfs.NumberFile]:
        if path is None:
            return None
        self._files.append(sysfs.NumberFile(path, unit))
        return self._files[-1]

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
        return self._across(LSB_VOLTS)

    def full_scale_watts(self) -> Optional[float]:
        """The most its register can show, at the supply's voltage; None if unknown."""
        return self._across(FULL_SCALE_VOLTS)

    def _across(self, shunt_volts: float) -> Optional[float]:
        """Watts at that voltage across the shunt."""
        if not self.rail.ohms or self._volts is None:
            return None
        return shunt_volts / self.rail.ohms * self.volts()

    def close(self) -> None:
        """Give its files back."""
        for file in self._files:
            file.close()


def find(root: str = "/sys") -> List[Rail]:
    """Every rail with a label under the tree, in order of chip and channel."""
    folders: Dict[str, str] = {}
    for pattern in LAYOUTS:
        for folder in sorted(glob.glob(os.path.join(root, pattern))):
            folders.setdefault(os.path.realpath(folder), folder)
    return [rail for folder in sorted(folders.values()) for rail in _rails(folder)]


def named(rails: Sequence[Rail]) -> Dict[str, Rail]:
    """The rails by label; of a label that several bear, each with its chip: "VDD_SOC@1-0041.2"."""
    labels = [rail.label for rail in rails]
    return {
        rail.label
        if labels.count(rail.label) == 1
        else "{}@{}.{}".format(rail.label, rail.chip, rail.number): rail
        for rail in rails
    }


def _rails(folder: str) -> List[Rail]:
    # The name is the chip's own, its I2C client's, or that of what is above: it moved.
    chip = sysfs.text(os.path.join(folder, "name")) or ""
    chip += sysfs.text(os.path.join(folder, "..", "name")) or ""
    chip += sysfs.text(os.path.join(folder, "..", "..", "name")) or ""
    if "ina238" in chip:
        return [r for r in (_ina238(folder),) if r]
    if glob.glob(os.path.join(folder, "rail_name_*")):
        return [r for r in (_iio(folder, n) for n in (0, 1, 2)) if r]
    if "ina3221" in chip:
        return [r for r in (_hwmon(folder, n) for n in (1, 2, 3)) if r]
    return []


def _iio(folder: str, n: int) -> Optional[Rail]:
    label = sysfs.text(os.path.join(folder, "rail_name_{}".format(n))) or ""
    volts, amps, power = [
        _existing(folder, name.format(n))
        for name in ("in_voltage{}_input", "in_current{}_input", "in_power{}_input")
    ]
    return _usable(Rail(label, _chip(folder), n, folder, volts, amps, power, MILLI, None))


def _hwmon(folder: str, n: int) -> Optional[Rail]:
    if sysfs.number(os.path.join(folder, "in{}_enable".format(n))) == 0:
        return None
    label = sysfs.text(os.path.join(folder, "in{}_label".format(n))) or ""
    micro = sysfs.number(os.path.join(folder, "shunt{}_resistor".format(n))) or 0
    volts = _existing(folder, "in{}_input".format(n))
    amps = _existing(folder, "curr{}_input".format(n))
    ohms = micro * 1e-6 if micro > 0 else None
    return _usable(Rail(label, _chip(folder), n, folder, volts, amps, None, 0.0, ohms))


def _ina238(folder: str) -> Optional[Rail]:
    """The one channel of Thor's input sensor; its driver gives it no label."""
    volts, amps, power = [
        _existing(folder, name) for name in ("in1_input", "curr1_input", "power1_input")
    ]
    return _usable(Rail("VIN", _chip(folder), 1, folder, volts, amps, power, 1e-6, None))


def _chip(folder: str) -> str:
    """The chip's name on its bus, such as "1-0041", out of the path to its folder."""
    above = os.path.dirname(folder)
    return os.path.basename(os.path.dirname(above) if above.endswith("hwmon") else above)


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
