"""One energy counter of a processor, across wraps, and told from one that was started anew."""

import os

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.vendors import sysfs
from edgejoule.devices.vendors.rapl_zones import MICRO, Zone

# Where the firmware names no limit (AMD): twice what the hungriest socket sold draws, and a machine
# of ten such sockets. A wrap passes, for a counter restarted at random implies megawatts.
MOST_WATTS, MOST_PSYS_WATTS = 1e3, 1e4
MARGIN = 2.0  # above its limit a processor may draw for milliseconds
ROUND_S = 0.1  # between two looks that follow at once, the register may move by more than its watts


class Counter:
    """One zone's joules, across any number of wraps; `joules` begins at what the register shows."""

    def __init__(self, zone: Zone, clock: Clock = MACHINE):
        self.zone, self.label, self._clock = zone, zone.label, clock
        self._file = sysfs.NumberFile(os.path.join(zone.folder, "energy_uj"))
        self._range = sysfs.number(os.path.join(zone.folder, "max_energy_range_uj"))
        try:
            self._last, self._last_s = self._file.read(), clock.now()
        except BaseException:
            self._file.close()
            raise
        self._sum = self._last  # in microjoules, whole: sums of them are exact

    @property
    def joules(self) -> float:
        """Joules at the last look."""
        return self._sum * MICRO

    def look(self) -> bool:
        """Read the register; False if it was started anew since the last look.

        Exact if looked at more than once per wrap (17 min at 250 W).
        """
        now, now_s = self._file.read(), self._clock.now()
        moved, spent_s = now - self._last, now_s - self._last_s
        self._last, self._last_s = now, now_s
        if moved < 0 and not self._wrapped(moved, spent_s):
            return False
        self._sum += moved if moved >= 0 else moved + (self._range or 0)
        return True

    def restart(self) -> None:
        """Count from nought."""
        self._sum = 0

    def has_range(self) -> bool:
        """True if it is known where the register wraps."""
        return bool(self._range)

    def raw(self) -> int:
        """The register itself, in microjoules."""
        return self._file.read()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _wrapped(self, moved: int, spent_s: float) -> bool:
        """True if a wrap explains the step back with watts that are possible."""
        most = MOST_PSYS_WATTS if self.zone.kind == "psys" else MOST_WATTS
        allowed = MARGIN * (self.zone.limit_watts or most)
        implied = (moved + (self._range or 0)) * MICRO / max(spent_s, ROUND_S)
        return self.has_range() and implied <= allowed
