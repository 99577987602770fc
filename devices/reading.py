"""What a device says about itself, one sample of it, and what a window of it cost.

Seconds, watts and joules throughout; None is "not measured", never 0.
"""

from typing import Dict, Iterable, NamedTuple, Optional

# from the best to the worst; "wide": measured well, but the bar is above 10 % of the value
STATUSES = ("ok", "wide", "too_short", "degraded", "invalid", "none")
SENSING = ("instant", "average", "counter")  # from the one that tells a moment to the one that sums


class DeviceInfo(NamedTuple):
    """Identity and quality of a power source; `_asdict()` goes into a run's record.

    `scope` is what the rail feeds: module, board, gpu, package or none. `period_s` is the time
    between samples that the source deserves, `update_s` the time after which its value is new,
    `lag_s` how far the value trails the power (mean delay), `gain` the relative standard
    uncertainty of its scale, `offset_watts` that of its zero, `step_watts` its resolution.
    `sensing` is how its value comes about: "instant", a snapshot, which is sampled at dithered
    moments; "average", over `lag_s` or longer, which is sampled on a grid; "counter", joules so
    far. `window_s` is the part of every `update_s` that the value sees, None if all of it or
    not known; `limit_watts` the most it can show, a value above which is no power;
    `calibration` a sentence on the comparison that the values were corrected by; `serial` what
    tells this source from another of its name, such as a GPU's UUID.
    """

    adapter: str
    name: str
    rail: Optional[str] = None
    scope: str = "none"
    power_mode: Optional[str] = None
    driver: Optional[str] = None
    period_s: Optional[float] = None
    lag_s: float = 0.0
    fake: Optional[str] = None
    estimate: bool = False
    reason: Optional[str] = None
    update_s: Optional[float] = None
    gain: float = 0.0
    step_watts: Optional[float] = None
    offset_watts: float = 0.0
    sensing: str = "instant"
    window_s: Optional[float] = None
    limit_watts: Optional[float] = None
    calibration: Optional[str] = None
    serial: Optional[str] = None


class Sample(NamedTuple):
    """One look at a sensor: power now (`watts`), energy so far (`joules`), or both.

    `rails` holds parts or children of the total in the unit of the total: joules where the
    sample has joules, else watts. `time_s` is the monotonic moment the value belongs to and
    `span_s` how long reading it took; None means the middle and the length of the read.
    """

    watts: Optional[float] = None
    joules: Optional[float] = None
    rails: Dict[str, float] = {}
    time_s: Optional[float] = None
    span_s: Optional[float] = None


class Reading(NamedTuple):
    """What one window cost. `joules` is None when it was not measured; `reason` then says why.

    `uncertainty_joules` is the half-width of the 95 % interval of the absolute value;
    `repeatability_joules` leaves the sensor's scale out: use it to compare two readings of
    one board. `coverage` is the share of the window that samples vouch for, 0 to 1.
    `raw_joules` is the value before the sensor's lag was corrected.
    """

    seconds: float
    joules: Optional[float]
    uncertainty_joules: Optional[float] = None
    peak_watts: Optional[float] = None
    samples: int = 0
    coverage: float = 0.0
    status: str = "none"
    source: str = "none"
    rails: Dict[str, float] = {}
    reason: Optional[str] = None
    repeatability_joules: Optional[float] = None
    raw_joules: Optional[float] = None


def worst(statuses: Iterable[str]) -> str:
    """The one of several statuses that comes last in `STATUSES`; "none" if there are none."""
    return max(statuses, key=STATUSES.index, default="none")
