"""Which sensor to measure with: the best that answers when it is read.

A name is an adapter ("nvml"), an adapter and its argument ("nvml:GPU-4c2f", "ina3221:board",
"replay:run.trace.json"), or several to be added ("nvml+rapl").
"""

import difflib
import importlib
import pkgutil

from edgejoule.devices import adapters
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.several import Several

AUTO = ("ina3221", "nvml", "jtop", "rapl")  # the whole board first, then its hungriest part
OPENING_S = 15.0  # a driver that was asleep takes seconds; one that hangs must not hang us


def open(name: str = "auto", fake_power=None, clock=MACHINE):
    """The device of that name, going by the clock; with "auto", the first that gives a value.

    `fake_power`, a number of watts or a trace file, is played instead and labelled as such.

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
        return _first(clock)
    devices = [_opened(part, clock) for part in name.split("+")]
    return devices[0] if len(devices) == 1 else Several(devices)


def names() -> list:
    """The adapters there are, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(adapters.__path__))


def load(name: str):
    """The adapter's module.

    Raises:
        ValueError: names the adapters there are.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
        raise ValueError(
            "no power adapter called {!r}; devices/adapters/ has: {}.{}".format(
                name, ", ".join(names()), " Did you mean {!r}?".format(close[0]) if close else ""
            )
        )
    return importlib.import_module("edgejoule.devices.adapters." + name)


def survey() -> list:
    """Every sensor that could be here, as a dictionary.

    "adapter", "info", "watts", "joules", "rails" and "notes" if it was read, else "adapter" and
    "reason".
    """
    return [_look(name) for name in AUTO]


def _first(clock):
    reasons = []
    for name in AUTO:
        try:
            return _opened(name, clock)
        except (RuntimeError, OSError) as error:
            reasons.append(str(error))
    return load("none").open("; ".join(reasons))


def _opened(name, clock=MACHINE):
    """The device, after it has given a value."""
    adapter, _, argument = name.partition(":")
    module = load(adapter)
    return _within(OPENING_S, adapter, lambda: _answering(module, argument or None, clock), clock)


def _answering(module, argument, clock):
    words = () if argument is None else (argument,)
    device = module.open(*words, clock=clock)
    if device.info().reason is None:
        try:
            device.read()
        except BaseException:
            device.close()
            raise
    return device


def _look(name):
    try:
        device = _opened(name)
    except (RuntimeError, OSError) as error:
        return {"adapter": name, "reason": str(error)}
    try:
        sample = device.read()[-1]
        return {
            "adapter": name,
            "info": device.info()._asdict(),
            "watts": sample.watts,
            "joules": sample.joules,
            "rails": sample.rails,
            "notes": device.notes(),
        }
    except (RuntimeError, OSError) as error:
        return {"adapter": name, "reason": str(error)}
    finally:
        device.close()


def _within(seconds, name, function, clock):
    """The function's result, or RuntimeError when it takes longer; its thread is left behind."""
    box = {}

    def work():
        try:
            box["value"] = function()
        except BaseException as error:  # handed on to the caller's thread below
            box["error"] = error

    thread = clock.thread(work, "edgejoule-open")
    clock.until(lambda: not thread.is_alive(), seconds)
    if "error" in box:
        raise box["error"]
    if "value" not in box:
        raise RuntimeError("{}: no answer within {:g} s".format(name, seconds))
    return box["value"]
