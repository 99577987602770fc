"""What a meter asks of a power source: four methods, two of which have a plain answer."""

from typing import List, Sequence

from edgejoule.devices.reading import DeviceInfo, Sample


class Device:
    """A power source that an adapter has opened; whatever has these methods will do as well."""

    def info(self) -> DeviceInfo:
        """What it measures, and how well; the same for as long as its hardware is set so."""
        raise TypeError("{} defines no info()".format(type(self).__name__))

    def read(self) -> Sequence[Sample]:
        """The samples since the last read, oldest first: one of most sensors, maybe none.

        Raises:
            OSError, RuntimeError: the sensor fails; never a zero in place of a value.
        """
        raise TypeError("{} defines no read()".format(type(self).__name__))

    def notes(self) -> List[str]:
        """Sentences on what a reader of its joules must know."""
        return []

    def close(self) -> None:
        """Give back what it holds."""
