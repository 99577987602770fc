"""What else NVML knows while energy is measured: limits, clocks, throttling, other processes."""

import os
from types import ModuleType
from typing import Any, Dict, List, Optional, Sequence, Set

REASONS = {
    0x2: "application clocks",
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal limit",
    0x40: "hardware thermal limit",
    0x80: "power brake",
}
SLOWING = 0x4 | 0x8 | 0x20 | 0x40 | 0x80  # the others are chosen by the user, or idle


class Watch:
    """Looks at a GPU about once a second and remembers what it saw."""

    def __init__(self, pynvml: ModuleType, handle: Any):
        self._nvml, self._handle = pynvml, handle
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
        running = self._ask("nvmlDeviceGetComputeRunningProcesses") or []
        self._strangers |= set(_strangers([process.pid for process in running]))

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
            found.append("nvml: the GPU was slowed by: {}".format(self.throttling()))
        if self._strangers:
            found.append(
                "nvml: other processes used the GPU (pid {}); their joules are in".format(
                    ", ".join(map(str, self.strangers()))
                )
            )
        return found

    def driver(self) -> str:
        """The driver's version, or "unknown"."""
        return self._text(self._call("nvmlSystemGetDriverVersion")) or "unknown"

    def limit(self) -> Optional[str]:
        """The enforced power limit in words, such as "limit 250 W"; None if unknown."""
        milliwatts = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        return "limit {:g} W".format(milliwatts * 1e-3) if milliwatts else None

    def facts(self) -> Dict[str, Any]:
        """A JSON-able account; None where the driver does not say."""
        clock = [self._ask("nvmlDeviceGetClockInfo", kind) for kind in (1, 2)]  # SM, memory
        return {
            "uuid": self._text(self._ask("nvmlDeviceGetUUID")),
            "driver": self.driver(),
            "nvml": self._text(self._call("nvmlSystemGetNVMLVersion")),
            "power_limit": self.limit(),
            "persistence": self._ask("nvmlDeviceGetPersistenceMode"),
            "sm_mhz": clock[0],
            "memory_mhz": clock[1],
            "performance_state": self._ask("nvmlDeviceGetPerformanceState"),
            "celsius": self._ask("nvmlDeviceGetTemperature", 0),  # 0 is the GPU's own sensor
            "throttling": self.throttling(),
            "foreign_pids": self.strangers(),
        }

    def _ask(self, name: str, *arguments: Any) -> Any:
        return self._call(name, self._handle, *arguments)

    def _call(self, name: str, *arguments: Any) -> Any:
        """NVML's answer, or None: a driver that does not know one fact may know the next."""
        try:
            return getattr(self._nvml, name)(*arguments)
        except (AttributeError, self._nvml.NVMLError):
            return None

    @staticmethod
    def _text(value: Any) -> Any:
        return value.decode() if isinstance(value, bytes) else value


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
