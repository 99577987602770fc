"""Builds the emulated libnvidia-ml.so.1 and steers it: real pynvml, no GPU."""

import ctypes
import mmap
import shutil
import subprocess
from pathlib import Path

from edgejoule.devices.clock import MACHINE

SOURCE = Path(__file__).with_name("nvml_emulator.c")
DOUBLES = (
    "low_w",
    "high_w",
    "wave_s",
    "update_s",
    "average_s",
    "origin_s",
    "frozen_s",
    "lost_j",
    "now_s",
    "spread",
)
AGE_S = 1000.03  # of the counter at first; its ticks fall between those of a grid of samples
INTEGERS = (
    "devices",
    "architecture",
    "energy_error",
    "power_error",
    "field_error",
    "any_error",
    "failing",
    "power_raw",
    "scopes",
    "throttle",
    "limit_mw",
    "max_mw",
    "celsius",
    "mig",
    "processes",
    "energy_calls",
    "power_calls",
    "initialised",
    "handles",
)
ZERO = 1 << 32  # as `power_raw`: power that reads 0
# What a driver may lack, and pynvml still loads, counts GPUs and gives their handles.
OPTIONAL = (
    "nvmlDeviceGetArchitecture",
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetComputeRunningProcesses_v2",
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetHandleByPciBusId_v2",
    "nvmlDeviceGetHandleByUUID",
    "nvmlDeviceGetMigMode",
    "nvmlDeviceGetName",
    "nvmlDeviceGetPciInfo_v3",
    "nvmlDeviceGetPerformanceState",
    "nvmlDeviceGetPersistenceMode",
    "nvmlDeviceGetPowerManagementDefaultLimit",
    "nvmlDeviceGetPowerManagementLimitConstraints",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetUUID",
    "nvmlSystemGetDriverVersion",
    "nvmlSystemGetNVMLVersion",
)


class Control(ctypes.Structure):
    """The emulator's `struct control`."""

    _fields_ = [(name, ctypes.c_double) for name in DOUBLES] + [
        (name, ctypes.c_int64) for name in INTEGERS
    ]
    _fields_.append(("name", ctypes.c_char * 64))


class Without:
    """The library as one would find it that lacks these symbols."""

    def __init__(self, library, *missing):
        self.library, self.missing = library, missing

    def __getattr__(self, name):
        if name in self.missing:
            raise AttributeError("undefined symbol: " + name)
        return getattr(self.library, name)


def compiler():
    """A C compiler's path, or None."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder, *flags) -> Path:
    """The compiled library in the folder."""
    library = Path(str(folder)) / "libnvidia-ml.so.1"
    subprocess.run(
        [
            compiler(),
            "-std=gnu99",
            "-O2",
            "-shared",
            "-fPIC",
            "-Wl,-soname,libnvidia-ml.so.1",
            *flags,
            "-o",
            str(library),
            str(SOURCE),
            "-lm",
        ],
        check=True,
    )
    return library


def control(path, clock=MACHINE) -> Control:
    """A fresh GPU of 100 W with a 100 ms register, shared with the library through the file.

    It goes by the machine's clock, also in other processes, or by a virtual one.
    """
    Path(str(path)).write_bytes(bytes(ctypes.sizeof(Control)))
    state = shared(path)
    state.low_w = state.high_w = 100.0
    state.update_s, state.origin_s = 0.1, clock.now() - AGE_S
    state.devices, state.architecture, state.limit_mw, state.celsius = 1, 8, 250000, 45
    state.max_mw, state.scopes = 300000, 1
    if clock is not MACHINE:
        follow(state, clock)
    return state


def shared(path) -> Control:
    """The GPU whose state is in the file, for whoever has it open."""
    with open(str(path), "r+b") as file:
        return Control.from_buffer(mmap.mmap(file.fileno(), 0))


def follow(state, clock):
    """Let the GPU go by a virtual clock."""
    clock.follow(lambda now: setattr(state, "now_s", now))


def follow_machine(state):
    """Let a GPU that went by a virtual clock go by the machine's."""
    state.now_s, state.origin_s = 0.0, MACHINE.now() - AGE_S


def truth(state, start_s: float, end_s: float, index=0) -> float:
    """Joules of one GPU between two monotonic moments, exact."""
    return (_joules(state, end_s) - _joules(state, start_s)) * (1 + index * state.spread)


def sleeping_gpu(root, bus_id="0000:01:00.0", status="suspended", driver="nvidia"):
    """Put a GPU into a tree of /sys, with what the kernel says of its power."""
    folder = Path(str(root)) / "bus/pci/devices" / bus_id
    (folder / "power").mkdir(parents=True)
    drivers = Path(str(root)) / "bus/pci/drivers" / driver
    drivers.mkdir(parents=True, exist_ok=True)
    (folder / "driver").symlink_to(drivers)
    for name, text in (
        ("vendor", "0x10de"),
        ("class", "0x030000"),
        ("power/runtime_status", status),
    ):
        (folder / name).write_text(text + "\n")


def _joules(state, moment):
    t = moment - state.origin_s
    if state.wave_s <= 0:
        return t * state.low_w
    half, waves = state.wave_s / 2, t // state.wave_s
    rest = t - waves * state.wave_s
    return (
        waves * half * (state.low_w + state.high_w)
        + min(rest, half) * state.low_w
        + max(rest - half, 0.0) * state.high_w
    )
