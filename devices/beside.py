"""Two sensors of the same power side by side: the first measures, the second is its witness.

"ina3221//external:/dev/ttyUSB0": the joules are ina3221's; the meter's are a rail beside them,
and a warning stands where the two differ by more than their error bars.
"""

import re
from typing import Any, Callable, List, Optional, Sequence, Tuple

from edgejoule.devices import several, witness
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample

# Two strokes before an adapter's name; those inside a path are followed by something else.
BESIDE = re.compile(r"//(?=[A-Za-z_]\w*(?::|\+|$))")


class Beside(several.Several):
    """A device, single or several, and a witness that is sampled by a thread of its own."""

    def __init__(self, device: Device, other: Device):
        # not Several's own: two of one scope are what this is for
        self.device, self.witness = device, Witness(other)
        self.devices = several.parts(device) + [self.witness]

    def info(self) -> DeviceInfo:
        """The first device's own: the joules are its joules."""
        return self.device.info()

    def read(self) -> List[Sample]:
        """The first device's samples; a meter samples both, each on its own."""
        return list(self.device.read())


class Witness(Device):
    """A device whose joules are told and not added."""

    def __init__(self, device: Device):
        self._device = device

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_device"], name)

    def info(self) -> DeviceInfo:
        """The device's own, marked as a witness."""
        return self._device.info()._replace(scope=witness.SCOPE)

    def read(self) -> Sequence[Sample]:
        """The device's samples."""
        return self._device.read()

    def notes(self) -> List[str]:
        """The device's sentences."""
        return self._device.notes()

    def close(self) -> None:
        """Close the device."""
        self._device.close()


def split(name: str) -> Tuple[str, Optional[str]]:
    """(the name of what measures, that of its witness or None)."""
    found = BESIDE.search(name)
    return (name, None) if found is None else (name[: found.start()], name[found.end() :])


def open(own: str, other: str, opened: Callable[[str], Device]) -> Beside:
    """Both devices, each by `opened(name)`.

    Raises:
        ValueError: one name is empty, or one of the two measures nothing or is itself several.
    """
    if not own or "+" in other or split(other)[1] is not None:
        raise ValueError(
            "{}//{}: a witness is one sensor beside another; write "
            "ina3221//external:/dev/ttyUSB0".format(own, other)
        )
    device = opened(own)
    try:
        beside = opened(other)
    except BaseException:
        device.close()
        raise
    if device.info().reason is None and beside.info().reason is None:
        return Beside(device, beside)
    for each in (device, beside):
        each.close()
    raise ValueError(
        "{}//{}: one of them measures nothing, so there is nothing to compare".format(own, other)
    )
