"""A GPU's registers of power and energy: which of them answer, and what their values mean."""

from functools import partial
from typing import Any, Callable, List, NamedTuple, Optional, Sequence

from edgejoule.devices.clock import Clock
from edgejoule.devices.vendors import gpu_generations
from edgejoule.devices.vendors.gpu_generations import Timing
from edgejoule.devices.vendors.nvml_library import Library

MILLI = 1e-3
INSTANT, GPU_SCOPE, MODULE_SCOPE = 186, 0, 1  # field id of power now, and what it is power of
NO_WATTS, NO_JOULES = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF  # full scale: NVML's "not available"
PROBE_S, LOOK_S, ENOUGH_TICKS = 1.5, 0.001, 4  # watching for counters' ticks
OF_MODULE = " of the module"


class Power(NamedTuple):
    """A register of power: `watts()` reads it, `scope` is what it is the power of."""

    watts: Callable[[], float]
    name: str
    scope: str
    timing: Timing


class Counter:
    """A GPU's joules since its driver was loaded; watched, it tells how often it is renewed."""

    def __init__(self, library: Library, handle: Any):
        self._library, self._handle = library, handle
        self._moments: List[float] = []
        self._last: Optional[float] = None
        self.refusal: Optional[str] = None

    def joules(self) -> float:
        """Joules so far.

        Raises:
            RuntimeError: there is no such counter, or no value of it.
        """
        counted = self._library.asked("nvmlDeviceGetTotalEnergyConsumption", self._handle)
        if counted == NO_JOULES:
            raise RuntimeError("nvml: the energy counter reads full scale, which is no value")
        return counted * MILLI

    def look(self, clock: Clock) -> bool:
        """Look once for a tick; False if nothing more will be learnt by looking."""
        try:
            joules = self.joules()
        except RuntimeError as error:
            self.refusal = str(error)
            return False
        if self._last is not None and joules > self._last:
            self._moments.append(clock.now())
        self._last = joules
        return len(self._moments) < ENOUGH_TICKS

    def update_s(self) -> Optional[float]:
        """Seconds between its ticks; None if it refuses or stands still."""
        spans = sorted(b - a for a, b in zip(self._moments, self._moments[1:]))
        return spans[len(spans) // 2] if spans and not self.refusal else None


def watch(counters: Sequence[Counter], clock: Clock) -> None:
    """Look at all counters until each has ticked often enough, 1.5 s at most."""
    watched, ends = list(counters), clock.now() + PROBE_S
    while watched and clock.now() < ends:
        watched = [counter for counter in watched if counter.look(clock)]
        clock.sleep(LOOK_S)


def power(library: Library, handle: Any, name: str) -> Optional[Power]:
    """The best register of power of those that answer; None without one.

    One that answers without a value, as some do when asked too fast, is taken if no other does
    better. On a superchip the module's comes first: its counter counts the module.

    Raises:
        RuntimeError: every register refuses; the message is the last one's.
    """
    generation = library.told("nvmlDeviceGetArchitecture", handle)
    now, refusal = gpu_generations.instant(generation, name), ""
    scopes = [(GPU_SCOPE, "gpu", ""), (MODULE_SCOPE, "module", OF_MODULE)]
    if superchip(name):
        scopes.reverse()
    found = [
        Power(partial(_field, library, handle, code), "instantaneous power" + words, scope, now)
        for code, scope, words in scopes
    ]
    found.append(_usage(library, handle, generation, name))
    silent = []
    for each in found:
        try:
            each.watts()
            return each
        except NoValue:
            silent.append(each)
        except RuntimeError as error:
            refusal = str(error)
    if silent:
        return silent[0]
    raise RuntimeError(refusal)


def superchip(name: str) -> bool:
    """True of a Grace Hopper, where NVML's counter is that of GPU and processor together."""
    return gpu_generations.SUPERCHIP.search(name) is not None


class NoValue(RuntimeError):
    """A register that answers with what is no power."""


def _usage(library: Library, handle: Any, generation: Optional[int], name: str) -> Power:
    timing = gpu_generations.usage(generation, name)
    averaged = timing.window_s == gpu_generations.AVERAGE_S
    words = "power averaged over 1 s" if averaged else "power"
    register = partial(library.asked, "nvmlDeviceGetPowerUsage", handle)
    return Power(lambda: _watts(register()), words, "gpu", timing)


def _field(library: Library, handle: Any, scope: int) -> float:
    field = library.asked("nvmlDeviceGetFieldValues", handle, [(INSTANT, scope)])[0]
    refusal = library.refusal(field.nvmlReturn)
    if refusal is not None:
        raise RuntimeError(refusal)
    return _watts(field.value.uiVal)


def _watts(milliwatts: int) -> float:
    """Watts of milliwatts. Some drivers answer 0 when asked too fast: that is no value."""
    if milliwatts == NO_WATTS:
        raise NoValue("nvml: power reads full scale (0xFFFFFFFF mW), which is no value")
    if milliwatts <= 0:
        raise NoValue("nvml: power reads {} mW, which no GPU draws".format(milliwatts))
    return milliwatts * MILLI
