"""One opened GPU: its counter and its power in one sample, and what must be known of them."""

from typing import Any, Callable, Dict, List, Optional

from edgejoule.devices.clock import Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import gpu_registers, nvml_state
from edgejoule.devices.vendors.gpu_registers import Counter
from edgejoule.devices.vendors.gpus import Found
from edgejoule.devices.vendors.nvml_library import Library

GAIN = 0.05  # per board, uncalibrated (arXiv 2312.02741)
POLL_S = 0.05  # of power: twice as often as most registers are renewed
# A counter is polled four times in an update: a tick's moment is then known to a quarter of it.
# But never faster than 50 Hz, for each read is a wake-up beside the training: 203 Hz, a quarter of
# 20 ms, costs 2 to 3 % of a core, a counter that is new at every look 19 %. What the floor costs,
# simulated in windows of 5 to 6 s, the shortest that are believed, for a counter of 20 ms: 0.14 %
# (95th percentile of the error) instead of 0.01 % at constant power, 0.27 % instead of 0.11 % of a
# square wave of 50 and 250 W. A counter that is always new loses nothing: the edges are read.
TICKS_A_UPDATE, FASTEST_POLL_S = 4, 0.02
STATE_EVERY_S = 1.0  # clocks and strangers: each look costs more than a read of the counter


class Gpu(Device):
    """An opened GPU; `read()` gives what it has of counter and power.

    `name` begins its sentences. It holds the library until it is closed.
    """

    def __init__(self, library: Library, found: Found, counter: Counter, clock: Clock, name: str):
        self._library, self._found, self._clock, self._name = library, found, clock, name
        self._counter, self._update_s = counter, counter.update_s()
        self._model = library.told("nvmlDeviceGetName", found.handle) or "NVIDIA GPU"
        self._lost: Dict[str, str] = {}  # by register, how it failed while the other did not
        refusal = counter.refusal
        try:
            self._power = gpu_registers.power(library, found.handle, self._model)
        except RuntimeError as error:
            self._power, refusal = None, str(error)
        if self._power is None and self._update_s is None:
            raise RuntimeError(
                "{}: {} reports neither energy nor power ({})".format(
                    name, self._model, refusal or "no answer"
                )
            )
        self._state = nvml_state.Watch(library, found.handle, name)
        self._state_read_s = float("-inf")
        self._info = self._described()

    def info(self) -> DeviceInfo:
        """The GPU, and which of its registers the joules come from."""
        return self._info

    def read(self) -> List[Sample]:
        """Joules since the driver was loaded, and watts; one that fails does not cost the other.

        Raises:
            RuntimeError: neither can be read.
        """
        self._look_after()
        refused: Dict[str, str] = {}
        watts = joules = None
        if self._power is not None:
            watts = _tried("power", self._power.watts, refused)
        if self._update_s is not None:
            joules = _tried("the energy counter", self._counter.joules, refused)
        if watts is None and joules is None:
            raise RuntimeError("; ".join(dict.fromkeys(refused.values())))
        self._lost.update(refused)
        return [Sample(watts=watts, joules=joules)]

    def facts(self) -> Dict[str, Any]:
        """What must be recorded about this GPU: UUID, limits, clocks, temperature, throttling."""
        return dict(self._state.facts(), mig=self._found.mig)

    def notes(self) -> List[str]:
        """Sentences on throttling, strangers on the GPU, failed registers, and MIG."""
        mig = "{}: a MIG instance has no power of its own; the whole GPU was measured"
        found = [mig.format(self._name)] if self._found.mig else []
        lost = [
            "{}: {} failed at times: {}".format(self._name, register, refusal)
            for register, refusal in self._lost.items()
        ]
        return found + self._state.notes() + lost

    def close(self) -> None:
        """Let NVML go."""
        self._library.close()

    def _described(self) -> DeviceInfo:
        common = DeviceInfo(
            "nvml",
            self._model,
            power_mode=self._state.limit(),
            driver="NVML " + self._state.driver(),
            gain=GAIN,
            limit_watts=self._state.max_watts(),
            serial=self._found.serial,
        )
        if self._update_s is not None:
            module = gpu_registers.superchip(self._model) or (
                self._power is not None and self._power.scope == "module"
            )
            return common._replace(
                rail="energy counter" + (gpu_registers.OF_MODULE if module else ""),
                scope="module" if module else "gpu",
                period_s=max(self._update_s / TICKS_A_UPDATE, FASTEST_POLL_S),
                update_s=self._update_s,
                sensing="counter",
            )
        assert self._power is not None  # without both it would not have been opened
        timing = self._power.timing
        return common._replace(
            rail=self._power.name,
            scope=self._power.scope,
            period_s=POLL_S,
            step_watts=gpu_registers.MILLI,
            **timing._asdict(),
        )

    def _look_after(self) -> None:
        """Once a second, which clocks are held down and who else is on the GPU."""
        now = self._clock.now()
        if now - self._state_read_s >= STATE_EVERY_S:
            self._state_read_s = now
            self._state.look()


def _tried(register: str, read: Callable[[], float], refused: Dict[str, str]) -> Optional[float]:
    """The register's value; None if it fails, which `refused` then says."""
    try:
        return read()
    except RuntimeError as error:
        refused[register] = str(error)
        return None
