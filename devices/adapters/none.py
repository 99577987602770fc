"""No sensor: every reading is None and carries the reason."""

from edgejoule.devices.reading import DeviceInfo, Sample

ASKED = "none was asked for"


def present() -> bool:
    """True: one can always measure nothing."""
    return True


def open(reason: str = ASKED):
    """A device that measures nothing, for this reason."""
    return Nothing(reason)


class Nothing:
    """A machine whose power is not known."""

    def __init__(self, reason: str):
        self._reason = reason

    def info(self) -> DeviceInfo:
        """No rail, no scope, and the reason."""
        return DeviceInfo("none", "no power sensor", reason=self._reason)

    def read(self) -> Sample:
        """Always an error.

        Raises:
            RuntimeError: with the reason.
        """
        raise RuntimeError("no power is measured: {}".format(self._reason))

    def notes(self) -> list:
        """That nothing is measured, and why."""
        return ["no power is measured: {}".format(self._reason)]

    def close(self):
        """Nothing to give back."""
