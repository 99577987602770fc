"""How GPUs of a generation make the power that NVML tells.

Measured on 70 GPUs of 12 generations against external meters (Yang, Adamek, Armour, SC'24,
arXiv 2312.02741). What was not measured is unknown here, and sampled as a snapshot would be.
"""

import re
from typing import NamedTuple, Optional

MAXWELL, VOLTA, TURING, AMPERE, HOPPER = 3, 5, 6, 7, 9  # NVML's numbers of generations
# Products with the chip GA100, whose power is no average though their generation's is. Whole
# words: "RTX A1000" and "RTX A3000" are others.
GA100 = re.compile(r"\b(A100X?|A30X?|A800|170HX)\b")
SUPERCHIP = re.compile(r"\bGH200\b")  # GPU and processor in one module, counted together
AVERAGE_S = 1.0
RESPONSE_S = 0.1  # mean delay of Kepler's and Maxwell's slow rise, most of it over in 0.2 s


class Timing(NamedTuple):
    """How a value of power comes about: `DeviceInfo` says what the four are."""

    sensing: str
    update_s: float
    window_s: Optional[float]
    lag_s: float


def instant(generation: Optional[int], name: str) -> Timing:
    """The timing of the register that the driver calls instantaneous."""
    if generation is None:
        return _snapshot(0.1, None)
    if generation <= MAXWELL:
        return Timing("average", 0.02, None, 0.02 / 2 + RESPONSE_S)
    if generation <= VOLTA:
        return _snapshot(0.02, 0.01)
    if generation == TURING or (generation == AMPERE and not GA100.search(name)):
        # one value follows the other without a blind moment: nothing is left to dither for
        return _snapshot(0.1, 0.1)._replace(sensing="average")
    if generation == AMPERE:
        return _snapshot(0.1, 0.025)
    if generation == HOPPER:
        return _snapshot(0.1, 0.02 if SUPERCHIP.search(name) else 0.025)
    return _snapshot(0.1, None)


def usage(generation: Optional[int], name: str) -> Timing:
    """The timing of nvmlDeviceGetPowerUsage: an average of a second since Ampere, but for GA100.

    A driver that cannot tell the generation is older than Ampere.
    """
    if generation is None or generation < AMPERE or GA100.search(name):
        return instant(generation, name)
    return Timing("average", 0.1, AVERAGE_S, 0.1 / 2 + AVERAGE_S / 2)


def _snapshot(update_s: float, window_s: Optional[float]) -> Timing:
    """A register holds its value until the next update: on average it is half of one late."""
    return Timing("instant", update_s, window_s, update_s / 2)
