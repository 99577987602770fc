"""What a comparison came to: whether it is worth storing, what is stored, and how it is told."""

from typing import Any, Dict, Optional

from edgejoule.devices.calibration import fit
from edgejoule.devices.reading import DeviceInfo

GOOD_GAIN = 0.02  # half the interval: what an INA3221's shunts promise without a calibration
GOOD_LAG_S, GOOD_LAG = 0.1, 0.2  # half the interval, and its share of the lag


def shortcoming(found: fit.Fit) -> Optional[str]:
    """Why a fit is not worth storing; None if it is."""
    share = found.gain.half() / found.gain.value if found.gain.value > 0 else float("inf")
    if share <= GOOD_GAIN:
        return None
    return (
        "not good enough: the gain is {:.3f}, known to {:.1%} only (needed: {:.0%}); let the "
        "machine rest, and take more --rounds or a longer --hold{}".format(
            found.gain.value, share, GOOD_GAIN, _because(found)
        )
    )


def _because(found: fit.Fit) -> str:
    return "".join("; " + note for note in found.notes)


def facts(
    found: fit.Fit, meter: DeviceInfo, sensor: DeviceInfo, found_on: str, percent: Optional[float]
) -> Dict[str, Any]:
    """What is stored; a lag that is hardly known is left to the driver's settings.

    `percent` is the meter's own standard uncertainty; None takes what its adapter assumes.
    """
    told: Dict[str, Any] = dict(fit.facts(found))
    lag = found.lag_s
    if lag is not None and lag.half() > max(GOOD_LAG_S, GOOD_LAG * abs(lag.value)):
        del told["lag_s"]
    told.update(
        found=found_on,
        by="calibrate",
        against="{}:{}".format(meter.adapter, meter.name),
        against_gain=meter.gain if percent is None else percent / 100,
        range_watts=list(found.range_watts),
        assumed_lag_s=sensor.lag_s,
    )
    return told


def text(found: fit.Fit, stored: Dict[str, Any], path: str) -> str:
    """The result for a terminal."""
    lines = [
        "gain    {:.4f}   ({:.4f} to {:.4f})".format(*found.gain),
        "offset  {:+.3f} W  ({:+.3f} to {:+.3f} W)".format(*found.offset_watts),
        "lag     " + _lag_text(found.lag_s, "lag_s" in stored),
        "from {} plateaus of {:.3g} to {:.3g} W; they scatter {:.2g} W about the line".format(
            found.plateaus, found.range_watts[0], found.range_watts[1], found.residual_watts
        ),
        "the meter itself is taken to be right within {:.2g} % (standard uncertainty)".format(
            stored["against_gain"] * 100
        ),
    ]
    return "\n".join(lines + list(found.notes) + ["stored in {}".format(path)])


def _lag_text(lag: Optional[fit.Quantity], is_stored: bool) -> str:
    if lag is None:
        return "not measured: too few edges were seen"
    text = "{:.3f} s   ({:.3f} to {:.3f} s)".format(*lag)
    return text if is_stored else text + ", too uncertain to be stored"
