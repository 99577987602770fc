"""NVIDIA GPUs through NVML (module pynvml, distribution nvidia-ml-py).

The energy counter where it really advances (Volta and later), else polled power: instantaneous
where the driver offers it, else the average whose length the generation fixes. The GPU is the
one that CUDA will use, found by UUID. A MIG instance has no power of its own: its GPU is read.
"""

from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Tuple

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import gpus, nvml_state

MILLI = 1e-3
GAIN = 0.05  # per board, uncalibrated (arXiv 2312.02741)
INSTANT, SCOPES = 186, (0, 1)  # field id; GPU, else the module (Grace Hopper)
PROBE_S, LOOK_S, ENOUGH_TICKS = 1.5, 0.001, 4  # watching for the counter's ticks
POLL_S, UPDATE_S = 0.05, 0.1  # of power, taken to be renewed ten times a second
STATE_EVERY_S = 1.0  # clocks and strangers: each look costs more than a read of the counter
AMPERE, AVERAGE_S = 7, 1.0  # NVML's number of the generation since which power is averaged


def present() -> bool:
    """True if NVML loads and counts at least one GPU."""
    try:
        pynvml = _loaded()
    except RuntimeError:
        return False
    try:
        return pynvml.nvmlDeviceGetCount() > 0
    except pynvml.NVMLError:
        return False
    finally:
        pynvml.nvmlShutdown()


def open(gpu: Optional[str] = None, clock: Clock = MACHINE) -> "Gpu":
    """One GPU: a UUID or its beginning, a PCI bus id, an NVML index; None for CUDA's first.

    Raises:
        RuntimeError: no NVML, no such GPU, or neither energy nor power can be read.
    """
    pynvml = _loaded()
    try:
        handle, mig = gpus.handle(pynvml, gpu)
        return Gpu(pynvml, handle, mig, clock)
    except BaseException:
        pynvml.nvmlShutdown()
        raise


class Gpu(Device):
    """An opened GPU; `read()` gives counter and power, or power alone."""

    def __init__(self, pynvml: Any, handle: Any, mig: bool, clock: Clock = MACHINE):
        self._nvml, self._handle, self._mig, self._clock = pynvml, handle, mig, clock
        self._refusal = "no answer"  # what NVML answered when it was last refused
        # both are told by asking, for a driver may know a function that this GPU does not serve
        self._power = self._power_source()
        self._update_s = self._counter_update()
        self._state = nvml_state.Watch(pynvml, handle)
        self._state_read_s = float("-inf")
        if self._power is None and self._update_s is None:
            raise RuntimeError(
                "nvml: {} reports neither energy nor power ({})".format(self._name(), self._refusal)
            )
        self._info = self._described()

    def info(self) -> DeviceInfo:
        """The GPU, and which of its registers the joules come from."""
        return self._info

    def _described(self) -> DeviceInfo:
        update_s, power = self._update_s, self._power
        return DeviceInfo(
            "nvml",
            self._name(),
            "energy counter" if update_s is not None or power is None else power[2],
            "gpu",
            self._state.limit(),
            "NVML " + self._state.driver(),
            POLL_S if update_s is None else update_s / 4,  # a tick's moment to a quarter of it
            power[1] if update_s is None and power is not None else 0.0,
            gain=GAIN,
            step_watts=MILLI if update_s is None else None,
            update_s=UPDATE_S if update_s is None else update_s,
        )

    def read(self) -> List[Sample]:
        """Joules since the driver was loaded, and watts; what the GPU has of the two."""
        self._look_after()
        watts = self._watts(self._power[0]) if self._power else None
        joules = self._joules() if self._update_s is not None else None
        return [Sample(watts=watts, joules=joules)]

    def facts(self) -> Dict[str, Any]:
        """What must be recorded about this GPU: UUID, limits, clocks, temperature, throttling."""
        return dict(self._state.facts(), mig=self._mig)

    def notes(self) -> List[str]:
        """Sentences on throttling, strangers on the GPU, and MIG."""
        mig = ["nvml: a MIG instance has no power of its own; the whole GPU was measured"]
        return (mig if self._mig else []) + self._state.notes()

    def close(self) -> None:
        """Let NVML go."""
        with suppress(self._nvml.NVMLError):  # somebody in this process shut it down already
            self._nvml.nvmlShutdown()

    def _look_after(self) -> None:
        """Once a second, which clocks are held down and who else is on the GPU."""
        now = self._clock.now()
        if now - self._state_read_s >= STATE_EVERY_S:
            self._state_read_s = now
            self._state.look()

    def _joules(self) -> float:
        return self._asked(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle) * MILLI

    def _watts(self, register: Callable[[], int]) -> float:
        """Watts now. Some drivers answer 0 when asked too fast: that is no value."""
        milliwatts = register()
        if milliwatts <= 0:
            raise RuntimeError("nvml: power reads {} mW, which no GPU draws".format(milliwatts))
        return milliwatts * MILLI

    def _asked(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The answer; once more after `nvmlInit` if a library here has shut NVML down."""
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            if error.value != self._nvml.NVML_ERROR_UNINITIALIZED:
                raise RuntimeError("nvml: {}".format(error)) from None
        self._nvml.nvmlInit()
        return function(*arguments)

    def _power_source(self) -> Optional[Tuple[Callable[[], int], float, str]]:
        """(function giving mW, lag in s, name) of the best power register; None without one.

        A register holds its value until the next update: on average it is half of one late.
        """
        for scope in SCOPES:
            try:
                self._field(scope)
                name = "instantaneous power" + (" of the module" if scope else "")
                return partial(self._field, scope), UPDATE_S / 2, name
            except RuntimeError as error:
                self._refusal = str(error)
        try:
            self._usage()
        except RuntimeError as error:
            self._refusal = str(error)
            return None
        averaged = self._averages()
        return (
            self._usage,
            UPDATE_S / 2 + (AVERAGE_S / 2 if averaged else 0.0),
            "power averaged over 1 s" if averaged else "power",
        )

    def _field(self, scope: int) -> int:
        ask = self._nvml.nvmlDeviceGetFieldValues
        field = self._asked(ask, self._handle, [(INSTANT, scope)])[0]
        if field.nvmlReturn != self._nvml.NVML_SUCCESS:
            raise RuntimeError("nvml: {}".format(self._nvml.NVMLError(field.nvmlReturn)))
        return field.value.uiVal

    def _usage(self) -> int:
        return self._asked(self._nvml.nvmlDeviceGetPowerUsage, self._handle)

    def _averages(self) -> bool:
        """True from Ampere on, but for the A100 and A30 (GA100)."""
        try:
            late = self._nvml.nvmlDeviceGetArchitecture(self._handle) >= AMPERE
        except self._nvml.NVMLError:
            return False
        return late and not any(name in self._name() for name in ("A100", "A30"))

    def _counter_update(self) -> Optional[float]:
        """Seconds between ticks of the energy counter, found by watching; None if it stands."""
        moments: List[float] = []
        last, ends = None, self._clock.now() + PROBE_S
        try:
            while self._clock.now() < ends and len(moments) < ENOUGH_TICKS:
                joules = self._joules()
                if last is not None and joules > last:
                    moments.append(self._clock.now())
                last = joules
                self._clock.sleep(LOOK_S)
        except RuntimeError as error:
            self._refusal = str(error)
            return None
        spans = sorted(b - a for a, b in zip(moments, moments[1:]))
        return spans[len(spans) // 2] if spans else None

    def _name(self) -> str:
        name = self._asked(self._nvml.nvmlDeviceGetName, self._handle)
        return name.decode() if isinstance(name, bytes) else name


def _loaded() -> ModuleType:
    """The module pynvml with NVML initialised."""
    try:
        import pynvml
    except ImportError:
        raise RuntimeError(
            "nvml: no module pynvml; get it with: pip install nvidia-ml-py"
        ) from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise RuntimeError("nvml: {}".format(error)) from None
    return pynvml
