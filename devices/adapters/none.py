"""No sensor: every reading is None and carries the reason."""

from typing import List, Sequence

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample

ASKED = "none was asked for"


def present() -> bool:
    """True: one can always measure nothing."""
    return True


def open(reason: str = ASKED, clock: Clock = MACHINE) -> "Nothing":
    """A device that measures nothing, for this reason, by any clock."""
    return Nothing(reason)


class Nothing(Device):
    """A machine whose power is not known."""

    def __init__(self, reason: str):
        self._reason = reason

    def info(self) -> DeviceInfo:
        """No rail, no scope, and the reason."""
        return DeviceInfo("none", "no power sensor", reason=self._reason)

    def read(self) -> Sequence[Sample]:
        """Always an error.

        Raises:
            RuntimeError: with the reason.
        """
        raise RuntimeError("no power is measured: {}".format(self._reason))

    def notes(self) -> List[str]:
        """That nothing is measured, and why."""
        return ["no power is measured: {}".format(self._reason)]
