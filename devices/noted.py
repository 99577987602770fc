"""A device with something to say of itself that it does not know."""

from typing import List, Sequence

from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample


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
