"""Which sensor to measure with: the best that answers when it is read.

A name is an adapter ("nvml"), an adapter and its argument ("nvml:GPU-4c2f", "ina3221:board",
"replay:run.trace.json"), several to be added ("nvml+rapl"), or two side by side, the second as
a witness of the first ("ina3221//external:/dev/ttyUSB0").
"""

import inspect
import os
from functools import partial
from types import ModuleType
from typing import Dict, List, NamedTuple, Optional, Union

from edgejoule import plugins
from edgejoule.devices import attempt, beside
from edgejoule.devices.calibration import known
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.noted import Noted
from edgejoule.devices.several import Several

AUTO = ("ina3221", "nvml", "jtop", "rapl")  # the whole board first, then its hungriest part
SYSFS_FOLDERS = ("class", "bus")  # of what is a sysfs, at least one
SLEPT = "{}; its joules are not in these"
OPENING_S = 15.0  # a driver that was asleep takes seconds; one that hangs must not hang us


class Way(NamedTuple):
    """How to open: the clock to go by, where sysfs is, and whether calibrations are applied."""

    clock: Clock
    sysfs: Optional[str]
    calibrated: bool


def open(
    name: str = "auto",
    fake_power: Union[str, float, None] = None,
    clock: Clock = MACHINE,
    sysfs: Optional[str] = None,
    calibrated: bool = True,
) -> Device:
    """The device of that name, going by the clock; with "auto", the first that gives a value.

    "auto" wakes nothing that sleeps, and the device it takes instead has a note on it.

    `fake_power`, a number of watts or a trace file, is played instead and labelled as such.
    `sysfs` is where adapters that read it find it, if not at /sys. What was found out about a
    sensor by `edgejoule calibrate` is applied, unless not `calibrated`.

    Raises:
        ValueError: no adapter has that name, fake power and a sensor are both asked for, or
            `sysfs` is none.
        RuntimeError: the named sensor cannot be read, and why.
    """
    check_sysfs(sysfs)
    if fake_power is None:
        return _named(name, Way(clock, sysfs, calibrated))
    if sysfs is not None:
        raise ValueError(
            "power: asked for sensors under {!r} and for fake power; drop one".format(sysfs)
        )
    if name not in ("auto", "replay"):
        raise ValueError(
            "power: asked for the sensor {!r} and for fake power; drop one".format(name)
        )
    return load("replay").open(fake_power, clock=clock)


def load(name: str) -> ModuleType:
    """The adapter of that name, one of ours or of the user's.

    Raises:
        ValueError: names the adapters there are.
    """
    return plugins.load("adapters", name)


def check_sysfs(sysfs: Optional[str]) -> None:
    """Raise ValueError if a place for sysfs is given and is none."""
    if sysfs is not None and not any(os.path.isdir(os.path.join(sysfs, f)) for f in SYSFS_FOLDERS):
        raise ValueError(
            "sysfs: asked for {!r}; that is no folder with {} in it; name what /sys is mounted "
            "as, such as /host/sys".format(sysfs, " or ".join(SYSFS_FOLDERS))
        )


def asleep(name: str) -> Optional[str]:
    """Why the adapter's sensor would have to be woken; None if it would not."""
    ask = getattr(load(name), "asleep", None)
    return ask() if ask is not None else None


def root_of(module: ModuleType, sysfs: Optional[str]) -> Dict[str, str]:
    """The keyword for a place of sysfs, for an adapter that reads it; {} for any other."""
    takes = sysfs is not None and "root" in inspect.signature(module.open).parameters
    return {"root": str(sysfs)} if takes else {}


def _named(name: str, way: Way) -> Device:
    if name == "auto":
        return _first(way)
    own, witness = beside.split(name)
    if witness is not None:
        return beside.open(own, witness, partial(_named, way=way))
    devices = [_opened(part, way) for part in name.split("+")]
    return devices[0] if len(devices) == 1 else Several(devices)


def _first(way: Way) -> Device:
    reasons: List[str] = []
    sleeping: List[str] = []
    for name in AUTO:
        sleeps = asleep(name)
        if sleeps is not None:
            sleeping.append(sleeps)
            continue
        try:
            device = _opened(name, way)
        except (RuntimeError, OSError) as error:
            reasons.append(str(error))
            continue
        return Noted(device, [SLEPT.format(each) for each in sleeping]) if sleeping else device
    return load("none").open("; ".join(reasons + sleeping))


def _opened(name: str, way: Way) -> Device:
    """The device, after it has given a value: some open well and then never read."""
    adapter, _, argument = name.partition(":")
    answering = partial(_answering, load(adapter), argument or None, way)
    return attempt.within(OPENING_S, adapter, answering, way.clock)


def _answering(module: ModuleType, argument: Optional[str], way: Way) -> Device:
    words = () if argument is None else (argument,)
    device = module.open(*words, clock=way.clock, **root_of(module, way.sysfs))
    if device.info().reason is None:
        try:
            device.read()
        except BaseException:
            device.close()
            raise
    return known.apply(device, way.clock) if way.calibrated else device
