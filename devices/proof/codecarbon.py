"""CodeCarbon 3.3's own code on our traces, in virtual time.

Nothing of CodeCarbon is copied: the installed package's tracker runs on its GPU class, whose
NVML shows the trace. It looks at power every second, at a counter every 15 s, and at both ends,
as in a program by default. CPU: `pip install codecarbon==3.3.2` (Python 3.10 or later).
"""

import logging
import os
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Optional

from edgejoule.devices.proof.synthetic import Register, Sensor
from edgejoule.devices.proof.virtual_names import Clock, Replaced

MONITOR_S, MEASURE_S = 1.0, 15.0  # its defaults: a look at power, a look at energy
JOULES_PER_KWH = 3.6e6
VERSION = "3.3"  # whose inside this file knows


@lru_cache(maxsize=None)  # a search of the disk, which is asked for in every window
def version() -> Optional[str]:
    """CodeCarbon's version; None if it cannot be imported here."""
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its word on AMD's library
            module = import_module("codecarbon.emissions_tracker")  # the package alone may load
    except ImportError:
        return None
    return module.__version__


def installed() -> bool:
    """True if the version whose inside this file knows is here."""
    return (version() or "").startswith(VERSION)


def state() -> str:
    """Which CodeCarbon is here, or why none runs."""
    if installed():
        return "codecarbon {}".format(version())
    if version():
        return "codecarbon {} not run, only {}".format(version(), VERSION)
    return "codecarbon not installed"


def polled(sensor: Sensor, start_s: float, end_s: float) -> float:
    """Joules of a window as it finds them on a GPU that has no energy counter."""
    return _tracked(lambda t: round(sensor.watts(t) * 1e3), None, start_s, end_s)


def counter(register: Register, start_s: float, end_s: float) -> float:
    """Joules of a window as it finds them on a GPU with an energy counter."""
    return _tracked(lambda t: 0, lambda t: register.joules(t) * 1e3, start_s, end_s)


def rapl(folder: str, change: Callable[[], Any]) -> float:
    """Joules between two looks at the RAPL counter of a folder, with `change()` between them."""
    from codecarbon.core import rapl as theirs
    from codecarbon.core.units import Time

    paths = [os.path.join(folder, name) for name in ("energy_uj", "max_energy_range_uj")]
    file = theirs.RAPLFile("package-0", *paths)
    change()
    file.delta(Time.from_seconds(MEASURE_S))
    return file.energy_delta.kWh * JOULES_PER_KWH


def _tracked(
    milliwatts: Callable[[float], float],
    millijoules: Optional[Callable[[float], float]],
    start_s: float,
    end_s: float,
) -> float:
    """What its tracker adds up between two moments of a virtual clock."""
    clock = Clock(start_s)
    with _virtual(clock, _nvml(clock, milliwatts, millijoules)):
        tracker = _new_tracker()
        _start(tracker)
        for moment, look in _looks(tracker, start_s, end_s):
            clock.now_s = moment
            look()
        clock.now_s = end_s
        tracker._measure_power_and_energy_if_stale()
        return tracker._total_gpu_energy.kWh * JOULES_PER_KWH


@contextmanager
def running(milliwatts: Callable[[float], Any]) -> Iterator[None]:
    """Its tracker of a GPU with that power, its timers running in real time."""
    with _on(_nvml(Clock(0.0), milliwatts, None)):
        tracker = _new_tracker()
        tracker._initialize_scheduler_state()
        _start(tracker)
        timers = (tracker._scheduler, tracker._scheduler_monitor_power)
        for timer in timers:
            timer.start()
        try:
            yield
        finally:
            for timer in timers:
                timer.stop()


def _new_tracker() -> Any:
    """Its tracker of one GPU, as it stands before it is started.

    Without __init__, which would look for the machine's own hardware, its place and a lock file.
    """
    from codecarbon.emissions_tracker import OfflineEmissionsTracker
    from codecarbon.external.hardware import GPU

    tracker = OfflineEmissionsTracker.__new__(OfflineEmissionsTracker)
    tracker._initialize_runtime_state()
    tracker.__dict__.update(
        _hardware=[GPU(gpu_ids=[0])],
        _measure_power_secs=MEASURE_S,
        _scheduler=None,
        _pue=1.0,
        _wue=0.0,
        _api_call_interval=-1,
        _output_handlers=[],
    )
    return tracker


def _start(tracker: Any) -> None:
    """What its start() does between its hardware's discovery and its timers."""
    for hardware in tracker._hardware:
        hardware.start()
    tracker._measure_power_and_energy()


def _looks(tracker: Any, start_s: float, end_s: float) -> Iterator[Any]:
    """(moment, function) of what its two timers call, in order."""
    for i in range(1, int((end_s - start_s) / MONITOR_S) + 1):
        moment = start_s + i * MONITOR_S
        if i % (MEASURE_S / MONITOR_S) == 0:  # that timer was started first
            yield moment, tracker._measure_power_and_energy
        yield moment, tracker._monitor_power


def _nvml(
    clock: Clock,
    milliwatts: Callable[[float], float],
    millijoules: Optional[Callable[[float], float]],
) -> SimpleNamespace:
    """As much of the module pynvml as CodeCarbon calls, over a virtual clock."""

    class NVMLError(Exception):
        """What a sensor that is not there raises."""

    def energy(_: Any) -> float:
        if millijoules is None:
            raise NVMLError("Not Supported")
        return millijoules(clock.now_s)

    return SimpleNamespace(
        NVMLError=NVMLError,
        NVMLError_NotSupported=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda _: "virtual",
        nvmlDeviceGetUUID=lambda _: "GPU-virtual",
        nvmlDeviceGetEnforcedPowerLimit=lambda _: 15000,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=1, free=1, used=0),
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=0),
        nvmlDeviceGetPowerUsage=lambda _: milliwatts(clock.now_s),
        nvmlDeviceGetTotalEnergyConsumption=energy,
    )


@contextmanager
def _virtual(clock: Clock, nvml: SimpleNamespace) -> Iterator[None]:
    """CodeCarbon's modules with this clock and NVML, and without its log."""
    from codecarbon import emissions_tracker

    idle = SimpleNamespace(
        cpu_percent=lambda: 0.0, virtual_memory=lambda: SimpleNamespace(percent=0.0, used=0)
    )
    with Replaced(emissions_tracker, time=clock, psutil=idle), _on(nvml):
        yield


@contextmanager
def _on(nvml: SimpleNamespace) -> Iterator[None]:
    """CodeCarbon with this NVML, and without its log."""
    from codecarbon.core import gpu, gpu_nvidia
    from codecarbon.external.logger import logger

    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with Replaced(gpu_nvidia, pynvml=nvml):
            with Replaced(gpu, PYNVML_AVAILABLE=True, AMDSMI_AVAILABLE=False):
                yield
    finally:
        logger.setLevel(level)
