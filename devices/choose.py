"""Which sensor to measure with: the best that answers when it is read.

A name is an adapter ("nvml"), an adapter and its argument ("nvml:GPU-4c2f", "ina3221:board",
"replay:run.trace.json"), several to be added ("nvml+rapl"), or two side by side, the second as
a witness of the first ("ina3221//external:/dev/ttyUSB0").
"""

from functools import partial
from types import ModuleType
from typing import Any, Dict, List, Optional, Union

from edgejoule import plugins
from edgejoule.devices import attempt, beside
from edgejoule.devices.calibration import known
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
    calibrated: bool = True,
) -> Device:
    """The device of that name, going by the clock; with "auto", the first that gives a value.

    `fake_power`, a number of watts or a trace file, is played instead and labelled as such. What
    was found out about a sensor by `edgejoule calibrate` is applied, unless not `calibrated`.

    Raises:
        ValueError: no adapter has that name, or fake power and a sensor are both asked for.
        RuntimeError: the named sensor cannot be read, and why.
    """
    if fake_power is not None:
        if name not in ("auto", "replay"):
            raise ValueError(
                "power: asked for the sensor {!r} and for fake power; drop one".format(name)
            )
        return load("replay").open(fake_power, clock=clock)
    if name == "auto":
        return _first(clock, calibrated)
    own, witness = beside.split(name)
    if witness is not None:
        return beside.open(own, witness, partial(open, clock=clock, calibrated=calibrated))
    devices = [_opened(part, clock, calibrated) for part in name.split("+")]
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


def _first(clock: Clock, calibrated: bool) -> Device:
    reasons = []
    for name in AUTO:
        try:
            return _opened(name, clock, calibrated)
        except (RuntimeError, OSError) as error:
            reasons.append(str(error))
    return load("none").open("; ".join(reasons))


def _opened(name: str, clock: Clock, calibrated: bool) -> Device:
    """The device, after it has given a value: some open well and then never read."""
    adapter, _, argument = name.partition(":")
    module = load(adapter)
    answering = partial(_answering, module, argument or None, clock, calibrated)
    return attempt.within(OPENING_S, adapter, answering, clock)


def _answering(
    module: ModuleType, argument: Optional[str], clock: Clock, calibrated: bool
) -> Device:
    words = () if argument is None else (argument,)
    device = module.open(*words, clock=clock)
    if device.info().reason is None:
        try:
            device.read()
        except BaseException:
            device.close()
            raise
    return known.apply(device, clock) if calibrated else device


def _look(name: str) -> Dict[str, Any]:
    device = known.apply(load(name).open())
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
