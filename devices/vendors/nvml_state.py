"""What else NVML knows while energy is measured: limits, clocks, throttling, other processes."""

import os
from typing import Any, Dict, List, Optional, Sequence, Set

from edgejoule.devices.vendors.nvml_library import Library

REASONS = {
    0x2: "application clocks",
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal limit",
    0x40: "hardware thermal limit",
    0x80: "power brake",
}
UNKNOWN = 0xFFFFFFFF  # NVML's "not available" of a whole number
SLOWING = 0x4 | 0x8 | 0x20 | 0x40 | 0x80  # the others are chosen by the user, or idle


class Watch:
    """Looks at a GPU about once a second and remembers what it saw.

    `name` begins its sentences: where there are several GPUs they must say which.
    """

    def __init__(self, library: Library, handle: Any, name: str = "nvml"):
        self._library, self._handle, self._name = library, handle, name
        self._reasons = 0
        self._strangers: Set[int] = set()

    def look(self) -> None:
        """Take note of throttling and of processes that are not this one."""
        # Newer drivers call throttle reasons event reasons; older ones know only the first name.
        self._reasons |= (
            self._ask("nvmlDeviceGetCurrentClocksEventReasons")
            or self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
            or 0
        )
        self._strangers |= set(_strangers(self._running()))

    def throttling(self) -> Optional[str]:
        """Names of what slowed the clocks so far, joined; None if nothing did."""
        names = [name for bit, name in REASONS.items() if self._reasons & SLOWING & bit]
        return ", ".join(names) or None

    def strangers(self) -> List[int]:
        """Process ids of others seen on this GPU."""
        return sorted(self._strangers)

    def notes(self) -> List[str]:
        """Sentences on what was seen."""
        found = []
        if self.throttling():
            found.append("{}: the GPU was slowed by: {}".format(self._name, self.throttling()))
        if self._strangers:
            found.append(
                "{}: other processes used the GPU (pid {}); their joules are in".format(
                    self._name, ", ".join(map(str, self.strangers()))
                )
            )
        return found

    def driver(self) -> str:
        """The driver's version, or "unknown"."""
        return self._library.told("nvmlSystemGetDriverVersion") or "unknown"

    def limit(self) -> Optional[str]:
        """The enforced power limit in words, such as "limit 250 W"; None if unknown."""
        milliwatts = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        known = milliwatts and milliwatts != UNKNOWN
        return "limit {:g} W".format(milliwatts * 1e-3) if known else None

    def max_watts(self) -> Optional[float]:
        """The highest limit that this board can be set to, in watts; None if not told."""
        limits = self._ask("nvmlDeviceGetPowerManagementLimitConstraints")
        # not the enforced limit, which a user may have put below what the board drew before
        milliwatts = limits[1] if limits else self._ask("nvmlDeviceGetPowerManagementDefaultLimit")
        return milliwatts * 1e-3 if milliwatts and milliwatts != UNKNOWN else None

    def facts(self) -> Dict[str, Any]:
        """A JSON-able account; None where the driver does not say."""
        clock = [self._ask("nvmlDeviceGetClockInfo", kind) for kind in (1, 2)]  # SM, memory
        return {
            "uuid": self._ask("nvmlDeviceGetUUID"),
            "driver": self.driver(),
            "nvml": self._library.told("nvmlSystemGetNVMLVersion"),
            "power_limit": self.limit(),
            "persistence": self._ask("nvmlDeviceGetPersistenceMode"),
            "sm_mhz": clock[0],
            "memory_mhz": clock[1],
            "performance_state": self._ask("nvmlDeviceGetPerformanceState"),
            "celsius": self._ask("nvmlDeviceGetTemperature", 0),  # 0 is the GPU's own sensor
            "throttling": self.throttling(),
            "foreign_pids": self.strangers(),
        }

    def _running(self) -> List[int]:
        """Process ids on the GPU, as far as this driver tells them."""
        newest = self._ask("nvmlDeviceGetComputeRunningProcesses")
        if newest is None:  # the binding's newest needs driver 510; its second, 450
            newest = self._ask("nvmlDeviceGetComputeRunningProcesses_v2")
        return [process.pid for process in newest or []]

    def _ask(self, name: str, *arguments: Any) -> Any:
        return self._library.told(name, self._handle, *arguments)


def _strangers(pids: Sequence[int]) -> List[int]:
    """Those of the processes on the GPU that are neither this one nor of its family.

    In a container NVML gives the host's numbers, which name no process there: a single such
    number is taken for this process.
    """
    unknown = [pid for pid in pids if not os.path.exists("/proc/{}".format(pid))]
    known = [pid for pid in pids if pid not in unknown and not _related(pid, os.getpid())]
    return known + (unknown if len(pids) > 1 else [])


def _related(one: int, other: int) -> bool:
    return one in _ancestors(other) or other in _ancestors(one)


def _ancestors(pid: int) -> List[int]:
    """The process, its parent, its grandparent, ..."""
    found = []
    while pid > 0:
        found.append(pid)
        try:
            with open("/proc/{}/stat".format(pid)) as file:
                # "pid (name) state parent ...", and a name may hold spaces and brackets
                pid = int(file.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            break
    return found
