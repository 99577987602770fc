"""A sensor watched under a load of known edges: its update, window and lag, on this machine."""

from typing import Any, List, Optional, Tuple

from edgejoule.devices import probe
from edgejoule.devices.calibration import response, staircase
from edgejoule.devices.calibration.response import Response
from edgejoule.devices.calibration.staircase import Steps, Work
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device

POLL_S = 0.001  # a twentieth of the shortest update seen on a GPU (arXiv 2312.02741)
STEP_WATTS, STEP_RATIO = 0.5, 0.05  # a smaller step than both tells nothing
SETTLED = 0.5  # the later part of the long step, in which the sensor has arrived
USUAL_UPDATE_S = 0.1
UNIT_S, SMALLEST, LARGEST = 0.001, 512, 8192  # of work on a GPU: seconds, side of a matrix

Reads = Tuple[List[float], List[float]]  # moments in s, watts


def watch(
    device: Device,
    work: Optional[Work] = None,
    clock: Clock = MACHINE,
    update_s: Optional[float] = None,
    tell: probe.Tell = probe.untold,
    gpu: bool = False,
) -> Optional[Response]:
    """The sensor's response to pulses of load; None if the load does not show in it.

    `update_s` is a guess of how often the value is new; `work(share)` sets the load, None loads
    what the sensor sees: a GPU only if `gpu`, for torch keeps a CUDA context in this process. A
    load that does not show is given up after its first long step.

    Raises:
        NoLoad: `work` is None, and nothing here can load what the sensor sees.
    """
    if work is None:
        load = load_for(device, gpu)
        try:
            return watch(device, load.turn, clock, update_s, tell)
        finally:
            load.stop()
    steps = staircase.pulses(update_s or device.info().update_s or USUAL_UPDATE_S)
    watcher = Watcher(device, clock, steps, tell)
    first = watcher.play(steps[:2], work)
    if not shows(watcher.reads, first):
        return None
    edges = first + watcher.play(steps[2:], work)
    return response.find(watcher.reads[0], watcher.reads[1], edges)


class NoLoad(RuntimeError):
    """Nothing here can load what a sensor sees; the text is the end of a sentence."""


class Watcher:
    """Reads a device while a load is played, and tells how far it is."""

    def __init__(self, device: Device, clock: Clock, steps: Steps, tell: probe.Tell):
        self.reads: Reads = ([], [])
        self._device, self._clock, self._tell = device, clock, tell
        self._begun_s, self._told_s = clock.now(), float("-inf")
        self._whole_s = sum(seconds for _, seconds in steps)

    def play(self, steps: Steps, work: Optional[Work]) -> staircase.Edges:
        """Plays the steps, reading all the time; the edges."""
        return staircase.play(steps, self._clock, work, self._look, POLL_S)

    def _look(self) -> None:
        before_s = self._clock.now()
        watts = probe.newest(self._device).watts
        after_s = self._clock.now()
        if watts is not None:
            self.reads[0].append((before_s + after_s) / 2)
            self.reads[1].append(watts)
        if after_s - self._told_s >= probe.TOLD_EVERY_S:
            self._told_s = after_s
            self._tell("under pulses of load", after_s - self._begun_s, self._whole_s)


def shows(reads: Reads, edges: staircase.Edges) -> bool:
    """True if the last step of the load can be seen in the reads."""
    begun_s, ended_s = edges[-1][0], reads[0][-1] if reads[0] else 0.0
    settled_s = begun_s + SETTLED * (ended_s - begun_s)
    rest = [watts for moment, watts in zip(*reads) if moment <= begun_s]
    push = [watts for moment, watts in zip(*reads) if moment > settled_s]
    if not rest or not push:
        return False
    low, high = sum(rest) / len(rest), sum(push) / len(push)
    return high - low >= max(STEP_WATTS, STEP_RATIO * low)


def load_for(device: Device, gpu: bool) -> probe.Load:
    """A load at rest that this sensor can see: of all cores, or of a GPU through torch.

    Raises:
        NoLoad: it is a GPU, which may not be loaded, or there is no torch with CUDA here.
    """
    if device.info().scope != "gpu":
        return probe.Load(0.0)
    if not gpu:
        raise NoLoad("only `edgejoule doctor` loads a GPU")
    try:
        import torch
    except ImportError:
        raise NoLoad("torch, which would load the GPU, is not installed") from None
    if not torch.cuda.is_available():
        raise NoLoad("torch, which would load the GPU, finds no CUDA")
    return probe.Load(0.0, Product(torch, _index(torch, _uuid(device))), threads=1)


class Product:
    """A product of matrices on a GPU that takes about `UNIT_S`; called, it does one."""

    def __init__(self, torch: Any, index: int):
        self._torch, self._device = torch, torch.device("cuda", index)
        side = SMALLEST
        self._fill(side)
        while side < LARGEST and self._seconds() < UNIT_S:
            side *= 2
            self._fill(side)

    def __call__(self) -> None:
        """Do one and wait for it: what is queued would outlast the load's edge."""
        self._torch.mm(self._matrix, self._matrix, out=self._product)
        self._torch.cuda.synchronize(self._device)

    def _fill(self, side: int) -> None:
        options = {"device": self._device, "dtype": self._torch.float16}
        self._matrix = self._torch.rand(side, side, **options)  # zeros would draw less
        self._product = self._torch.empty_like(self._matrix)

    def _seconds(self) -> float:
        self()  # the first one loads kernels
        begun = MACHINE.now()
        self()
        return MACHINE.now() - begun


def _uuid(device: Device) -> str:
    """What NVML calls the GPU; "" if the device does not tell."""
    facts = getattr(device, "facts", None)
    return str((facts() if callable(facts) else {}).get("uuid") or "")


def _index(torch: Any, uuid: str) -> int:
    """CUDA's number of the GPU with that UUID; 0 where torch tells none (before 2.4)."""
    for index in range(torch.cuda.device_count()):
        known = getattr(torch.cuda.get_device_properties(index), "uuid", None)
        if known and str(known) in uuid:
            return index
    return 0
