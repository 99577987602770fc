"""What a machine costs at rest, and what a piece of work costs above that."""

from math import sqrt
from typing import NamedTuple, Optional

from edgejoule.devices.reading import DeviceInfo, Reading

ENOUGH_S = 30.0
DRIFT = 0.02  # beyond it net joules would depend on which of the two rests is taken off


class Baseline(NamedTuple):
    """Power at rest in watts, and its standard uncertainty; the sensor's scale is left out.

    The uncertainty is None where nobody knows it: of watts that were given by hand.
    """

    watts: float
    uncertainty_watts: Optional[float]
    seconds: float


class Shares(NamedTuple):
    """Joules of one window: all of them, those of a machine at rest, and what is left.

    `uncertainty_joules` is the half-width of the 95 % interval of `net`,
    `idle_uncertainty_joules` that of `idle`; None where nobody knows it.
    """

    gross: float
    idle: float
    net: float
    uncertainty_joules: Optional[float]
    idle_uncertainty_joules: Optional[float]


def baseline(reading: Reading) -> Optional[Baseline]:
    """The power of a window in which nothing ran; None if it was not measured."""
    if reading.joules is None or reading.status == "invalid":
        return None
    spread = reading.repeatability_joules  # half a 95 % interval
    return Baseline(
        reading.joules / reading.seconds,
        None if spread is None else spread / 2 / reading.seconds,
        reading.seconds,
    )


def shares(
    reading: Reading, rest: Optional[Baseline], info: Optional[DeviceInfo] = None
) -> Optional[Shares]:
    """A reading split at the baseline; None if either is unknown.

    `info` is the sensor's: its scale is common to both windows, so what it adds to the net joules
    is its share of these, and its zero drops out of their difference. Without it both are left
    out, as when two nets of one sensor are compared.
    """
    if reading.joules is None or rest is None:
        return None
    gain, offset_watts = (info.gain, info.offset_watts) if info else (0.0, 0.0)
    idle = rest.watts * reading.seconds
    net = reading.joules - idle
    spread = None if reading.repeatability_joules is None else reading.repeatability_joules / 2
    rest_spread = (
        None if rest.uncertainty_watts is None else rest.uncertainty_watts * reading.seconds
    )
    return Shares(
        reading.joules,
        idle,
        net,
        _half_width(spread, rest_spread, gain * net),
        _half_width(rest_spread, gain * idle, offset_watts * reading.seconds),
    )


def _half_width(*terms: Optional[float]) -> Optional[float]:
    """Half of the 95 % interval that independent standard deviations make; None if one is."""
    known = [term for term in terms if term is not None]
    return 2 * sqrt(sum(term**2 for term in known)) if len(known) == len(terms) else None


def drift(before: Baseline, after: Baseline) -> Optional[str]:
    """A sentence if power at rest moved by more than 2 % from before to after a run, else None."""
    ratio = after.watts / before.watts - 1
    if abs(ratio) <= DRIFT:
        return None
    return (
        "idle power drifted by {:+.1%} during the run ({:.2f} to {:.2f} W); let the machine "
        "settle and repeat".format(ratio, before.watts, after.watts)
    )
