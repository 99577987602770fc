"""What a machine costs at rest, and what a piece of work costs above that."""

from math import sqrt
from typing import NamedTuple, Optional

from edgejoule.devices.reading import Reading

ENOUGH_S = 30.0
DRIFT = 0.02  # beyond it net joules would depend on which of the two rests is taken off


class Baseline(NamedTuple):
    """Power at rest in watts, and its standard uncertainty; the sensor's scale is left out."""

    watts: float
    uncertainty_watts: float
    seconds: float


class Shares(NamedTuple):
    """Joules of one window: all of them, those of a machine at rest, and what is left."""

    gross: float
    idle: float
    net: float
    uncertainty_joules: float


def baseline(reading: Reading) -> Optional[Baseline]:
    """The power of a window in which nothing ran; None if it was not measured."""
    if reading.joules is None or reading.status == "invalid":
        return None
    return Baseline(
        reading.joules / reading.seconds,
        (reading.repeatability_joules or 0.0) / 2 / reading.seconds,  # half a 95 % interval
        reading.seconds,
    )


def shares(reading: Reading, rest: Optional[Baseline]) -> Optional[Shares]:
    """A reading split at the baseline; None if either is unknown.

    The scale of the sensor is common to both and left out: its share is that of the net joules.
    """
    if reading.joules is None or rest is None:
        return None
    idle = rest.watts * reading.seconds
    spread = (reading.repeatability_joules or 0.0) / 2
    uncertainty = 2 * sqrt(spread**2 + (rest.uncertainty_watts * reading.seconds) ** 2)
    return Shares(reading.joules, idle, reading.joules - idle, uncertainty)


def drift(before: Baseline, after: Baseline) -> Optional[str]:
    """A sentence if power at rest moved by more than 2 % from before to after a run, else None."""
    ratio = after.watts / before.watts - 1
    if abs(ratio) <= DRIFT:
        return None
    return (
        "idle power drifted by {:+.1%} during the run ({:.2f} to {:.2f} W); let the machine "
        "settle and repeat".format(ratio, before.watts, after.watts)
    )
