"""Virtual time for a whole process: `-p rigs.virtual_session` gives it to a pytest session.

The machine's clock, which everything goes by that is given no other, becomes a virtual one, and
so does the emulated GPU's.
"""

import os

from edgejoule.devices.clock import MACHINE, Clock
from rigs import gpu_rig
from rigs.virtual_clock import VirtualClock

clock = VirtualClock()
for name in vars(Clock):
    if not name.startswith("_"):
        setattr(MACHINE, name, getattr(clock, name))
gpu_rig.follow(gpu_rig.shared(os.environ["NVML_EMULATOR"]), clock)


def timer():
    """The clock for pytest-benchmark, which wants a function that it finds by name."""
    return clock.now()
