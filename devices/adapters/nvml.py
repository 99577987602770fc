"""NVIDIA GPUs through NVML (module pynvml, distribution nvidia-ml-py).

The energy counter where it really advances (Volta and later), else polled power: instantaneous
where the driver offers it, else the average whose length the generation fixes. The GPU is the
one that CUDA will use, found by UUID. A MIG instance has no power of its own: its GPU is read.
"""

import time
from functools import partial

from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import gpus, nvml_state

MILLI = 1e-3
GAIN = 0.05  # per board, uncalibrated (arXiv 2312.02741)
INSTANT, SCOPES = 186, (0, 1)  # field id; GPU, else the module (Grace Hopper)
PROBE_S, ENOUGH_TICKS = 1.5, 4
POLL_S, UPDATE_S = 0.05, 0.1
STATE_EVERY_S = 1.0
AMPERE, AVERAGE_S = 7, 1.0


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


def open(gpu=None):
    """One GPU: a UUID or its beginning, a PCI bus id, an NVML index; None for CUDA's first.

    Raises:
        RuntimeError: no NVML, no such GPU, or neither energy nor power can be read.
    """
    pynvml = _loaded()
    try:
        handle, mig = gpus.handle(pynvml, gpu)
        return Gpu(pynvml, handle, mig)
    except BaseException:
        pynvml.nvmlShutdown()
        raise


class Gpu:
    """An opened GPU; `read()` gives counter and power, or power alone."""

    def __init__(self, pynvml, handle, mig):
        self._nvml, self._handle, self._mig = pynvml, handle, mig
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

    def _described(self):
        counts = self._update_s is not None
        period = self._update_s / 4 if counts else POLL_S
        return DeviceInfo(
            "nvml",
            self._name(),
            "energy counter" if counts else self._power[2],
            "gpu",
            self._state.limit(),
            "NVML " + self._state.driver(),
            period,
            0.0 if counts else self._power[1],
            gain=GAIN,
            step_watts=None if counts else MILLI,
            update_s=self._update_s if counts else UPDATE_S,
        )

    def read(self) -> Sample:
        """Joules since the driver was loaded, and watts; what the GPU has of the two."""
        self._look_after()
        watts = self._watts() if self._power else None
        joules = self._joules() if self._update_s is not None else None
        return Sample(watts=watts, joules=joules)

    def facts(self) -> dict:
        """What must be recorded about this GPU: UUID, limits, clocks, temperature, throttling."""
        return dict(self._state.facts(), mig=self._mig)

    def notes(self) -> list:
        """Sentences on throttling, strangers on the GPU, and MIG."""
        mig = ["nvml: a MIG instance has no power of its own; the whole GPU was measured"]
        return (mig if self._mig else []) + self._state.notes()

    def close(self):
        """Let NVML go."""
        try:
            self._nvml.nvmlShutdown()
        except self._nvml.NVMLError:  # somebody in this process shut it down already
            pass

    def _look_after(self):
        now = time.monotonic()
        if now - self._state_read_s >= STATE_EVERY_S:
            self._state_read_s = now
            self._state.look()

    def _joules(self):
        return self._asked(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle) * MILLI

    def _watts(self):
        """Watts now. Some drivers answer 0 when asked too fast: that is no value."""
        milliwatts = self._power[0]()
        if milliwatts <= 0:
            raise RuntimeError("nvml: power reads {} mW, which no GPU draws".format(milliwatts))
        return milliwatts * MILLI

    def _asked(self, function, *arguments):
        """The answer; once more after `nvmlInit` if a library here has shut NVML down."""
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            if error.value != self._nvml.NVML_ERROR_UNINITIALIZED:
                raise RuntimeError("nvml: {}".format(error)) from None
        self._nvml.nvmlInit()
        return function(*arguments)

    def _power_source(self):
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

    def _field(self, scope):
        field = self._asked(self._nvml.nvmlDeviceGetFieldValues, self._handle, [(INSTANT, scope)])[
            0
        ]
        if field.nvmlReturn != self._nvml.NVML_SUCCESS:
            raise RuntimeError("nvml: {}".format(self._nvml.NVMLError(field.nvmlReturn)))
        return field.value.uiVal

    def _usage(self):
        return self._asked(self._nvml.nvmlDeviceGetPowerUsage, self._handle)

    def _averages(self):
        """True from Ampere on, but for the A100 and A30 (GA100)."""
        try:
            late = self._nvml.nvmlDeviceGetArchitecture(self._handle) >= AMPERE
        except self._nvml.NVMLError:
            return False
        return late and not any(name in self._name() for name in ("A100", "A30"))

    def _counter_update(self):
        """Seconds between ticks of the energy counter, found by watching; None if it stands."""
        ends, moments, last = time.monotonic() + PROBE_S, [], None
        try:
            while time.monotonic() < ends and len(moments) < ENOUGH_TICKS:
                now = self._joules()
                if last is not None and now > last:
                    moments.append(time.monotonic())
                last = now
                time.sleep(0.001)
        except RuntimeError as error:
            self._refusal = str(error)
            return None
        spans = sorted(b - a for a, b in zip(moments, moments[1:]))
        return spans[len(spans) // 2] if spans else None

    def _name(self):
        name = self._asked(self._nvml.nvmlDeviceGetName, self._handle)
        return name.decode() if isinstance(name, bytes) else name


def _loaded():
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
