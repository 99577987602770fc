"""What other tools cost while they measure: the share of a core at their own default rate.

Their own code runs in real time: Zeus's poller of a Jetson over three of our six rails (it
knows no more), its poller of a GPU and CodeCarbon's timers over an NVML that answers at once.
"""

import multiprocessing
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterator, List

from edgejoule.devices.proof import codecarbon, overhead, zeus
from edgejoule.devices.proof.virtual_names import Replaced

RAIL_NAMES = ("cpu_power_mw", "gpu_power_mw", "total_power_mw")  # Zeus's, one file each
MILLIWATTS = 8000


class Counted:
    """A function of power that counts how often it was called."""

    def __init__(self, milliwatts: Callable[..., float]):
        self.milliwatts, self.calls = milliwatts, 0

    def __call__(self, *of: Any) -> float:
        """The power."""
        self.calls += 1
        return self.milliwatts(*of)


def measure(seconds: float, tick: Callable[[], Any] = lambda: None) -> List[Dict[str, Any]]:
    """A row per tool that is installed: "tool", "hertz", "core_share", "reads", "seconds"."""
    found = []
    for tool, hertz, running in _tools():
        with running() as power:
            found.append(dict(overhead.watched(hertz, seconds, lambda: power.calls), tool=tool))
        tick()
    return found


def count() -> int:
    """How many tools `measure` will watch."""
    return len(_tools())


def _tools() -> List[Any]:
    tools: List[Any] = []
    if zeus.installed():
        tools.append(("zeus rail", 1 / zeus.RAIL_S, _zeus_rail))
        tools.append(("zeus polled", 1 / zeus.POLL_S, _zeus_polled))
    if codecarbon.installed():
        tools.append(("codecarbon", 1 / codecarbon.MONITOR_S, _codecarbon))
    return tools


@contextmanager
def _zeus_rail() -> Iterator[Counted]:
    from zeus.device.soc import jetson as soc

    with overhead.tree() as root:
        rails: Dict[str, Any] = {
            name: soc.DirectPower(Path(path))
            for name, path in zip(RAIL_NAMES, overhead.rail_files(root))
        }
        counted = Counted(rails[RAIL_NAMES[-1]].measure_power)
        rails[RAIL_NAMES[-1]] = SimpleNamespace(measure_power=counted)
        commands: Any = multiprocessing.Queue()
        poller = _thread(lambda: soc._polling_process_async_wrapper(commands, commands, rails))
        try:
            yield counted
        finally:
            commands.put(soc.Command.STOP)
            poller.join()


@contextmanager
def _zeus_polled() -> Iterator[Counted]:
    from zeus.monitor import power

    counted = _steady()
    queue, ready, stop = SimpleNamespace(put=lambda _: None), threading.Event(), threading.Event()
    domain = power.PowerDomain.DEVICE_INSTANT
    with Replaced(power, get_gpus=lambda **_: zeus.gpus_of(counted)):
        poller = _thread(
            lambda: power._domain_polling_process(domain, [0], queue, ready, stop, zeus.POLL_S)
        )
        try:
            yield counted
        finally:
            stop.set()
            poller.join()


@contextmanager
def _codecarbon() -> Iterator[Counted]:
    counted = _steady()
    with codecarbon.running(counted):
        yield counted


def _steady() -> Counted:
    return Counted(lambda _: MILLIWATTS)


def _thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
