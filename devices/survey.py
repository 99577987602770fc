"""Every sensor of this machine, read once: what `edgejoule devices` and the doctor show."""

from functools import partial
from typing import Any, Dict, List, Optional, Sequence

from edgejoule.devices import attempt, choose
from edgejoule.devices.calibration import known
from edgejoule.devices.device import Device
from edgejoule.devices.reading import Sample


def take(limit_s: float = choose.OPENING_S, sysfs: Optional[str] = None) -> List[Dict[str, Any]]:
    """Every sensor that could be here, as a dictionary; all are asked at once, none is woken.

    An adapter with several, as of several GPUs, has an entry for each: "nvml:GPU-4c2f".
    "adapter", "info", "watts", "joules", "rails", "notes" and "facts" (what else its driver
    knows) if it was read, else "adapter" and "reason": one that has not answered after
    `limit_s` seconds is given up.
    """
    choose.check_sysfs(sysfs)
    begun = [(name, attempt.Attempt(name, partial(_look, name, sysfs))) for name in choose.AUTO]
    return [each for name, asked in begun for each in _outcome(name, asked, limit_s)]


def account(name: str, device: Device) -> Dict[str, Any]:
    """What a sensor says when it is read once, as in `take`."""
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
    return next((name for name in answered if choose.asleep(name) is None), None)


def adapter_of(name: str) -> str:
    """The adapter that a sensor's name begins with: "nvml" of "nvml:GPU-4c2f"."""
    return name.partition(":")[0]


def without_name(name: str, reason: str) -> str:
    """A sensor's reason without its name, for where that stands before it already."""
    prefix = name + ": "
    return reason[len(prefix) :] if reason.startswith(prefix) else reason


def _look(name: str, sysfs: Optional[str]) -> List[Dict[str, Any]]:
    """The accounts of an adapter's sensors: of its only one, or of all that its survey finds."""
    module = choose.load(name)
    found = (
        module.survey()
        if hasattr(module, "survey")
        else [(name, module.open(**choose.root_of(module, sysfs)))]
    )
    accounts = []
    for each, device in found:
        if isinstance(device, str):
            accounts.append({"adapter": each, "reason": device})
            continue
        try:
            accounts.append(account(each, known.apply(device)))
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
