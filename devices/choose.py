"""Which sensor to measure with: the best that answers when it is read.

A name is an adapter ("nvml"), an adapter and its argument ("nvml:GPU-4c2f", "ina3221:board",
"replay:run.trace.json"), or several to be added ("nvml+rapl").
"""

import inspect
import os
from functools import partial
from types import ModuleType
from typing import Any, Dict, List, Optional, Sequence, Union

from edgejoule import plugins
from edgejoule.devices import attempt
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.several import Several

AUTO = ("ina3221", "nvml", "jtop", "rapl")  # the whole board first, then its hungriest part
SYSFS_FOLDERS = ("class", "bus")  # of what is a sysfs, at least one
SLEPT = "{}; its joules are not in these"
OPENING_S = 15.0  # a driver that was asleep takes seconds; one that hangs must not hang us


def open(
    name: str = "auto",
    fake_power: Union[str, float, None] = None,
    clock: Clock = MACHINE,
    sysfs: Optional[str] = None,
) -> Device:
    """The device of that name, going by the clock; with "auto", the first that gives a value.

    "auto" wakes nothing that sleeps, and the device it takes instead has a note on it.

    `fake_power`, a number of watts or a trace file, is played instead and labelled as such.
    `sysfs` is where adapters that read it find it, if not at /sys.

    Raises:
        ValueError: no adapter has that name, fake power and a sensor are both asked for, or
            `sysfs` is none.
        RuntimeError: the named sensor cannot be read, and why.
    """
    _check_sysfs(sysfs)
    if fake_power is not None:
        if sysfs is not None:
            raise ValueError(
                "power: asked for sensors under {!r} and for fake power; drop one".format(sysfs)
            )
        if name not in ("auto", "replay"):
            raise ValueError(
                "power: asked for the sensor {!r} and for fake power; drop one".format(name)
            )
        return load("replay").open(fake_power, clock=clock)
    if name == "auto":
        return _first(clock, sysfs)
    devices = [_opened(part, clock, sysfs) for part in name.split("+")]
    return devices[0] if len(devices) == 1 else Several(devices)


def load(name: str) -> ModuleType:
    """The adapter of that name, one of ours or of the user's.

    Raises:
        ValueError: names the adapters there are.
    """
    return plugins.load("adapters", name)


def survey(limit_s: float = OPENING_S, sysfs: Optional[str] = None) -> List[Dict[str, Any]]:
    """Every sensor that could be here, as a dictionary; all are asked at once, none is woken.

    An adapter with several, as of several GPUs, has an entry for each: "nvml:GPU-4c2f".
    "adapter", "info", "watts", "joules", "rails", "notes" and "facts" (what else its driver
    knows) if it was read, else "adapter" and "reason": one that has not answered after
    `limit_s` seconds is given up.
    """
    _check_sysfs(sysfs)
    begun = [(name, attempt.Attempt(name, partial(_look, name, sysfs))) for name in AUTO]
    return [each for name, asked in begun for each in _outcome(name, asked, limit_s)]


def account(name: str, device: Device) -> Dict[str, Any]:
    """What a sensor says when it is read once, as in `survey`."""
    try:
        heard = device.read()
    except (RuntimeError, OSError) as error:
        return {"adapter": name, "reason": str(error)}
    sample = heard[-1] if heard else Sample()
    return {
        "adapter": name,
        "info": device.info()._asdict(),
        "watts": sample.watts,
        "joules": sample.joules,
        "rails": sample.rails,
        "notes": device.notes(),
        "facts": device.facts() if hasattr(device, "facts") else {},
    }


def preferred(found: Sequence[Dict[str, Any]]) -> Optional[str]:
    """The adapter that "auto" takes by what a survey has found; None if no sensor answered.

    All GPUs of an adapter are measured together, and so none of it if one of them sleeps.
    """
    answered = [adapter_of(each["adapter"]) for each in found if "info" in each]
    return next((name for name in answered if _asleep(name) is None), None)


def adapter_of(name: str) -> str:
    """The adapter that a sensor's name begins with: "nvml" of "nvml:GPU-4c2f"."""
    return name.partition(":")[0]


def without_name(name: str, reason: str) -> str:
    """A sensor's reason without its name, for where that stands before it already."""
    prefix = name + ": "
    return reason[len(prefix) :] if reason.startswith(prefix) else reason


def _check_sysfs(sysfs: Optional[str]) -> None:
    """Raise ValueError if a place for sysfs is given and is none."""
    if sysfs is not None and not any(os.path.isdir(os.path.join(sysfs, f)) for f in SYSFS_FOLDERS):
        raise ValueError(
            "sysfs: asked for {!r}; that is no folder with {} in it; name what /sys is mounted "
            "as, such as /host/sys".format(sysfs, " or ".join(SYSFS_FOLDERS))
        )


class Noted(Device):
    """A device with sentences of its own before the device's."""

    def __init__(self, device: Device, sentences: Sequence[str]):
        self._device, self._sentences = device, list(sentences)

    def info(self) -> DeviceInfo:
        """The device's."""
        return self._device.info()

    def read(self) -> Sequence[Sample]:
        """The device's samples."""
        return self._device.read()

    def notes(self) -> List[str]:
        """The sentences, then the device's notes."""
        return self._sentences + self._device.notes()

    def close(self) -> None:
        """Close the device."""
        self._device.close()


def _first(clock: Clock, sysfs: Optional[str]) -> Device:
    reasons: List[str] = []
    sleeping: List[str] = []
    for name in AUTO:
        asleep = _asleep(name)
        if asleep is not None:
            sleeping.append(asleep)
            continue
        try:
            device = _opened(name, clock, sysfs)
        except (RuntimeError, OSError) as error:
            reasons.append(str(error))
            continue
        return Noted(device, [SLEPT.format(each) for each in sleeping]) if sleeping else device
    return load("none").open("; ".join(reasons + sleeping))


def _asleep(name: str) -> Optional[str]:
    """Why the adapter's sensor would have to be woken; None if it would not."""
    ask = getattr(load(name), "asleep", None)
    return ask() if ask is not None else None


def _opened(name: str, clock: Clock, sysfs: Optional[str]) -> Device:
    """The device, after it has given a value: some open well and then never read."""
    adapter, _, argument = name.partition(":")
    module = load(adapter)
    return attempt.within(
        OPENING_S, adapter, lambda: _answering(module, argument or None, clock, sysfs), clock
    )


def _answering(
    module: ModuleType, argument: Optional[str], clock: Clock, sysfs: Optional[str]
) -> Device:
    words = () if argument is None else (argument,)
    device = module.open(*words, clock=clock, **_root(module, sysfs))
    if device.info().reason is None:
        try:
            device.read()
        except BaseException:
            device.close()
            raise
    return device


def _root(module: ModuleType, sysfs: Optional[str]) -> Dict[str, str]:
    """The keyword for a place of sysfs, for an adapter that reads it; {} for any other."""
    takes = sysfs is not None and "root" in inspect.signature(module.open).parameters
    return {"root": str(sysfs)} if takes else {}


def _look(name: str, sysfs: Optional[str]) -> List[Dict[str, Any]]:
    """The accounts of an adapter's sensors: of its only one, or of all that its survey finds."""
    module = load(name)
    found = (
        module.survey()
        if hasattr(module, "survey")
        else [(name, module.open(**_root(module, sysfs)))]
    )
    accounts = []
    for each, device in found:
        if isinstance(device, str):
            accounts.append({"adapter": each, "reason": device})
            continue
        try:
            accounts.append(account(each, device))
        finally:
            device.close()
    return accounts


def _outcome(name: str, asked: attempt.Attempt, limit_s: float) -> List[Dict[str, Any]]:
    try:
        return asked.result(limit_s)
    except (RuntimeError, OSError) as error:
        return [{"adapter": name, "reason": str(error)}]
    except Exception as error:  # a driver's surprise must not hide the other sensors
        return [{"adapter": name, "reason": "{}: {}".format(type(error).__name__, error)}]
