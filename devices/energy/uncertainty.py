"""The error bar of a window: independent terms in joules, one standard deviation each.

U95 = 2 sqrt(gain^2 + offset^2 + quantum^2 + noise^2 + edge^2 + lag^2 + alias^2 + gap^2).
Gain and offset are common to every reading of one sensor: they are left out when two readings
of one board are compared. The spread over repeated runs is the caller's to add.
"""

from math import sqrt
from typing import Dict, Sequence

from edgejoule.devices.energy.integrate import Area, Gaps
from edgejoule.devices.reading import DeviceInfo

SYSTEMATIC = ("gain", "offset")
LAG_RATIO = 0.3  # the time constant is derived from the driver's settings, not measured


def traced(
    area: Area, joules: float, seconds: float, info: DeviceInfo, alias: float = 0.0
) -> Dict[str, float]:
    """Terms of energy integrated from sampled power, in joules.

    Noise comes from differences of neighbouring samples: half their mean square is the variance
    of one sample, whatever slow shape the power has.
    """
    step = seconds / max(area.samples, 1)
    sample_variance = area.square / 2 / max(area.samples - 1, 1)
    lag = info.lag_s * (area.end_watts - area.start_watts)
    return {
        "gain": info.gain * abs(joules),
        "offset": info.offset_watts * seconds,
        "quantum": _quantum(info.step_watts or area.step, seconds, area),
        "noise": sqrt(sample_variance * (seconds * step + 2 * info.lag_s**2)),
        "lag": LAG_RATIO * lag,
        "alias": alias,
        "gap": _gap(area.gaps, area.peak_watts - area.low_watts),
    }


def counted(
    powers: Sequence[float],
    joules: float,
    seconds: float,
    info: DeviceInfo,
    update_s: float,
    poll_s: float,
    gaps: Gaps = (),
) -> Dict[str, float]:
    """Terms of energy from a counter whose mean power between ticks was `powers`, watts.

    At either edge the moment of the tick is known to one poll, and the power since to what it
    varies by from tick to tick.
    """
    mean = joules / seconds
    variance = sum((watts - mean) ** 2 for watts in powers) / len(powers)
    return {
        "gain": info.gain * abs(joules),
        "offset": info.offset_watts * seconds,
        # two edges, each uniform over its span: a variance of span^2 / 12
        "tick": mean * min(poll_s, update_s) * sqrt(2 / 12),
        "edge": update_s * sqrt(2 * variance / 12),
        "gap": _gap(gaps, max(powers) - min(powers)),
    }


def half_width(terms: Dict[str, float]) -> float:
    """Joules: half the 95 % interval of the absolute value."""
    return 2 * sqrt(sum(value**2 for value in terms.values()))


def repeatability(terms: Dict[str, float]) -> float:
    """Joules: half the 95 % interval when compared with another reading of the same sensor."""
    return half_width({name: value for name, value in terms.items() if name not in SYSTEMATIC})


def _quantum(step_watts: float, seconds: float, area: Area) -> float:
    """A value that toggles averages its steps out; one that is stuck may be half a step off."""
    if area.square == 0.0:
        return step_watts * seconds / 2
    return step_watts * seconds / sqrt(12 * max(area.samples, 1))


def _gap(gaps: Gaps, range_watts: float) -> float:
    """The mean may lie anywhere in the range, in every gap on its own."""
    return sqrt(sum(((b - a) * range_watts / 2) ** 2 for a, b in gaps))
