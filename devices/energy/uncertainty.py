"""The error bar of a window: independent terms in joules, one standard deviation each.

U95 = 2 sqrt(gain^2 + offset^2 + quantum^2 + noise^2 + edge^2 + lag^2 + gap^2 + blind^2).
Gain and offset are common to every reading of one sensor: they are left out when two readings
of one board are compared. The spread over repeated runs is the caller's to add.
"""

from math import sqrt
from typing import Dict, Optional

from edgejoule.devices.energy import scatter
from edgejoule.devices.energy.integrate import Area
from edgejoule.devices.energy.ticks import Powers
from edgejoule.devices.reading import DeviceInfo

SYSTEMATIC = ("gain", "offset")
LAG_RATIO = 0.3  # the time constant is derived from the driver's settings, not measured
# Of a dithered sampling. What its sequences disagree by is the error itself, but of few degrees
# of freedom; how power bends from look to look is known well, but holds for no load that locks.
# Found by simulation so that the bar covers 93 to 97 % of windows, of ordinary loads and of
# locked ones alike (`edgejoule meter-bench`); of 18 000, five were off by more than three bars.
DISAGREEMENT, BEND = 0.9, 0.3


def traced(
    area: Area, joules: float, info: DeviceInfo, found: Optional[scatter.Scatter] = None
) -> Dict[str, float]:
    """Terms of energy integrated from sampled power, in joules.

    `found` is the scatter of a dithered sampling; without it noise comes from differences of
    neighbouring samples.
    """
    seconds = area.seconds
    lag = info.lag_s * (area.end_watts - area.start_watts)
    return {
        "gain": info.gain * abs(joules),
        "offset": info.offset_watts * seconds,
        # dithered, the smallest difference seen is the load's, seldom the register's
        "quantum": _quantum(info.step_watts or (0.0 if found else area.step), area),
        "noise": _noise(area, info.lag_s) if found is None else _dither(area, found),
        "lag": LAG_RATIO * lag,
        "gap": gap(area.gaps.squares, area.peak_watts - area.low_watts),
    }


def counted(
    powers: Powers,
    joules: float,
    seconds: float,
    info: DeviceInfo,
    update_s: float,
    poll_s: float,
    gap_squares: float = 0.0,
) -> Dict[str, float]:
    """Terms of energy from a counter with those mean powers between its ticks.

    At either edge the moment of the tick is known to one poll, and the power since to what it
    varies by from tick to tick.
    """
    return {
        "gain": info.gain * abs(joules),
        "offset": info.offset_watts * seconds,
        # two edges, each uniform over its span: a variance of span^2 / 12
        "tick": joules / seconds * min(poll_s, update_s) * sqrt(2 / 12),
        "edge": update_s * sqrt(2 * powers.variance / 12),
        "gap": gap(gap_squares, powers.peak_watts - powers.low_watts if powers.number else 0.0),
    }


def half_width(terms: Dict[str, float]) -> float:
    """Joules: half the 95 % interval of the absolute value."""
    return 2 * sqrt(sum(value**2 for value in terms.values()))


def repeatability(terms: Dict[str, float]) -> float:
    """Joules: half the 95 % interval when compared with another reading of the same sensor."""
    return half_width({name: value for name, value in terms.items() if name not in SYSTEMATIC})


def gap(squares: float, range_watts: float) -> float:
    """The mean may lie anywhere in the range, in every gap on its own; squares in s^2."""
    return sqrt(squares) * range_watts / 2


def _noise(area: Area, lag_s: float) -> float:
    """Half the mean square of differences is the variance of one sample, whatever slow shape."""
    step = area.seconds / max(area.samples, 1)
    variance = area.square / 2 / max(area.samples - 1, 1)
    return sqrt(variance * (area.seconds * step + 2 * lag_s**2))


def _dither(area: Area, found: scatter.Scatter) -> float:
    """From the sequences' disagreement and from how power bends, the latter of six variances."""
    bend = area.bend / max(area.samples - 2, 1) / 6 / max(area.samples, 1) * area.seconds**2
    disagreement = scatter.quantile(found.freedom) ** 2 * found.variance
    return sqrt(DISAGREEMENT**2 * disagreement + BEND**2 * bend) / 2


def _quantum(step_watts: float, area: Area) -> float:
    """A value that toggles averages its steps out; one that is stuck may be half a step off."""
    if area.square == 0.0:
        return step_watts * area.seconds / 2
    return step_watts * area.seconds / sqrt(12 * max(area.samples, 1))
