"""Which sensor to measure with: the best that answers when it is read.

A name is an adapter ("nvml"), an adapter and its argument ("nvml:GPU-4c2f", "ina3221:board",
"replay:run.trace.json"), or several to be added ("nvml+rapl").
"""

import inspect
from functools import partial
from types import ModuleType
from typing import Any, Dict, List, Optional, Union

from edgejoule import plugins
from edgejoule.devices import attempt
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import Sample
from edgejoule.devices.several import Several

AUTO = ("ina3221", "nvml", "jtop", "rapl")  # the whole board first, then its hungriest part
OPENING_S = 15.0  # a driver that was asleep takes seconds; one that hangs must not hang us


def open(
    name: str = "auto",
    fake_power: Union[str, float, None] = None,
    clock: Clock = MACHINE,
    sysfs: Optional[str] = None,
) -> Device:
    """The device of that name, going by the clock; with "auto", the first that gives a value.

    `fake_power`, a number of watts or a trace file, is played instead and labelled as such.
    `sysfs` is read in place of /sys, by the sensors that are files there.

    Raises:
        ValueError: no adapter has that name, or what was asked for does not go together.
        RuntimeError: the named sensor cannot be read, and why.
    """
    if fake_power is not None:
        if name not in ("auto", "replay"):
            raise ValueError(
                "power: asked for the sensor {!r} and for fake power; drop one".format(name)
            )
        if sysfs is not None:
            raise ValueError(
                "power: asked for sensors under {!r} and for fake power; drop one".format(sysfs)
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


def survey(limit_s: float = OPENING_S) -> List[Dict[str, Any]]:
    """Every sensor that could be here, as a dictionary; all are asked at once.

    "adapter", "info", "watts", "joules", "rails", "notes" and "facts" (what else its driver
    knows) if it was read, else "adapter" and "reason": one that has not answered after
    `limit_s` seconds is given up.
    """
    begun = [(name, attempt.Attempt(name, partial(_look, name))) for name in AUTO]
    return [_outcome(name, asked, limit_s) for name, asked in begun]


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


def without_name(name: str, reason: str) -> str:
    """A sensor's reason without its name, for where that stands before it already."""
    prefix = name + ": "
    return reason[len(prefix) :] if reason.startswith(prefix) else reason


def _first(clock: Clock, sysfs: Optional[str]) -> Device:
    reasons = []
    for name in AUTO:
        if sysfs is not None and not _is_rooted(load(name)):
            continue
        try:
            return _opened(name, clock, sysfs)
        except (RuntimeError, OSError) as error:
            reasons.append(str(error))
    return load("none").open("; ".join(reasons))


def _opened(name: str, clock: Clock, sysfs: Optional[str]) -> Device:
    """The device, after it has given a value: some open well and then never read."""
    adapter, _, argument = name.partition(":")
    module = load(adapter)
    if sysfs is not None and not _is_rooted(module):
        raise ValueError(
            "power: asked for {!r} under {!r}; it reads no files there, so drop one".format(
                adapter, sysfs
            )
        )
    where = {} if sysfs is None else {"root": sysfs}
    return attempt.within(
        OPENING_S, adapter, lambda: _answering(module, argument or None, clock, where), clock
    )


def _is_rooted(module: ModuleType) -> bool:
    """True if the adapter reads files under a root that may be named."""
    return "root" in inspect.signature(module.open).parameters


def _answering(
    module: ModuleType, argument: Optional[str], clock: Clock, where: Dict[str, str]
) -> Device:
    words = () if argument is None else (argument,)
    device = module.open(*words, clock=clock, **where)
    if device.info().reason is None:
        try:
            device.read()
        except BaseException:
            device.close()
            raise
    return device


def _look(name: str) -> Dict[str, Any]:
    device = load(name).open()
    try:
        return account(name, device)
    finally:
        device.close()


def _outcome(name: str, asked: attempt.Attempt, limit_s: float) -> Dict[str, Any]:
    try:
        return asked.result(limit_s)
    except (RuntimeError, OSError) as error:
        return {"adapter": name, "reason": str(error)}
    except Exception as error:  # a driver's surprise must not hide the other sensors
        return {"adapter": name, "reason": "{}: {}".format(type(error).__name__, error)}
