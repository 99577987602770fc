"""Zeus 0.16's own code on our traces, its clocks and queues replaced by virtual ones.

Nothing of Zeus is copied: the installed package runs. Its polling is given 50 ms, the least its
documentation allows, because left alone 0.16 polls without pause. CPU: `pip install zeus==0.16.0`.
"""

import asyncio
import copy
import warnings
from functools import lru_cache
from queue import Empty
from types import SimpleNamespace
from typing import Any, Callable, Coroutine, List, Tuple

from edgejoule.devices.proof.synthetic import Register, Sensor
from edgejoule.devices.proof.virtual_names import Clock, Replaced

POLL_S, RAIL_S = 0.05, 0.1  # of a GPU's power, of a Jetson's rails
LEAD_S = 1.0  # it polls before and after the window, as it does in a program


@lru_cache(maxsize=None)  # a search of the disk, which is asked for in every window
def installed() -> bool:
    """True if Zeus can be imported here."""
    try:
        import zeus.monitor  # noqa: F401 is asked only whether it is there
    except ImportError:
        return False
    return True


def version() -> str:
    """Zeus's version."""
    import zeus

    return zeus.__version__


def jetson(sensor: Sensor, start_s: float, end_s: float, phase_s: float) -> float:
    """Joules of a window as `zeus.device.soc.jetson` finds them on a power rail."""
    from zeus.device.soc import jetson as soc

    clock = Clock(start_s - LEAD_S + phase_s)
    queue = _Commands(
        clock, [(start_s, soc.Command.READ), (end_s, soc.Command.READ), (end_s, soc.Command.STOP)]
    )
    answers: List[Any] = []
    rail = SimpleNamespace(measure_power=lambda: sensor.watts(clock.now_s) * 1e3)
    results = SimpleNamespace(put=lambda value: answers.append(copy.copy(value)))
    with Replaced(soc, time=clock, asyncio=SimpleNamespace(to_thread=_at_once)):
        _finish(soc._polling_process_async(queue, results, {"total_power_mw": rail}))
    return (answers[1] - answers[0]).total_energy_mj * 1e-3


def polling(sensor: Sensor, start_s: float, end_s: float, phase_s: float) -> float:
    """Joules of a window as `zeus.monitor.power` finds them by polling a GPU's power."""
    from zeus.monitor import power

    clock = Clock(start_s - LEAD_S + phase_s)
    samples: List[Any] = []
    gpus = gpus_of(lambda index: round(sensor.watts(clock.now_s) * 1e3))
    domain = power.PowerDomain.DEVICE_INSTANT
    stop = SimpleNamespace(is_set=lambda: clock.now_s > end_s + LEAD_S)
    with Replaced(power, time=clock.time, sleep=clock.sleep, get_gpus=lambda **_: gpus):
        power._domain_polling_process(
            domain,
            [0],
            SimpleNamespace(put=samples.append),
            SimpleNamespace(set=lambda: None),
            stop,
            POLL_S,
        )
    # Without __init__, which would look for real GPUs and start processes that poll them.
    monitor = power.PowerMonitor.__new__(power.PowerMonitor)
    monitor.measurement_domains, monitor.gpu_indices, monitor.data_queues = [domain], [0], {}
    monitor.samples = {domain: {0: [s for s in samples if s != "STOP"]}}
    return monitor.get_energy(start_s, end_s)[0]


def gpus_of(milliwatts: Callable[[int], float]) -> SimpleNamespace:
    """Zeus's GPUs with this power by index, as much of them as its poller asks for."""
    names = (
        "get_instant_power_usage",
        "get_average_power_usage",
        "get_average_memory_power_usage",
    )
    return SimpleNamespace(**dict.fromkeys(names, milliwatts))


def counter(register: Register, start_s: float, end_s: float) -> float:
    """Joules of a window as `ZeusMonitor` finds them with an energy counter."""
    from zeus.monitor import energy

    clock = Clock(start_s)
    gpus = SimpleNamespace(
        supports_get_total_energy_consumption=lambda index: True,
        get_total_energy_consumption=lambda index: register.joules(clock.now_s) * 1e3,
    )
    monitor = energy.ZeusMonitor.__new__(energy.ZeusMonitor)
    monitor.__dict__.update(
        gpus=gpus,
        gpu_indices=[0],
        cpus=None,
        cpu_indices=[],
        soc_is_present=False,
        approx_instant_energy=False,
        measurement_states={},
        power_monitor=None,
        log_file=None,
    )
    with Replaced(energy, time=clock.time), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its remark that a short window may read 0
        monitor.begin_window("w", sync_execution=False)
        clock.now_s = end_s
        return monitor.end_window("w", sync_execution=False).gpu_energy[0]


class _Commands:
    """A queue that holds commands for moments of a virtual clock."""

    def __init__(self, clock: Clock, planned: List[Tuple[float, Any]]):
        self._clock, self._planned = clock, planned

    def get(self, timeout: float) -> Any:
        """The next command if its moment comes within `timeout` seconds; that time passes.

        Raises:
            Empty: it does not.
        """
        if self._planned[0][0] <= self._clock.now_s + timeout:
            moment, command = self._planned.pop(0)
            self._clock.now_s = max(moment, self._clock.now_s)
            return command
        self._clock.now_s += timeout
        raise Empty


def _finish(coroutine: Coroutine) -> None:
    """Run a coroutine that never really waits."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


async def _at_once(function: Any, *arguments: Any, **named: Any) -> Any:
    """Takes the place of `asyncio.to_thread`: no thread, so the virtual clock cannot race."""
    return function(*arguments, **named)
