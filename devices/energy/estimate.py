"""A window's energy before it is judged: two ways to find it, one shape.

`from_power` integrates sampled watts, `from_counter` interpolates a counter's ticks.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.energy import aliasing, integrate, ticks, uncertainty
from edgejoule.devices.energy.record import Slice
from edgejoule.devices.reading import DeviceInfo

GAP_PERIODS = 3  # a busy machine skips a tick now and then, and that is no gap yet
EDGE_UPDATES = 2  # the last tick is up to one update old, and seen up to one poll later


class Draft(NamedTuple):
    """Joules of a window, the terms of their uncertainty in joules, and what is missing."""

    source: str
    joules: float
    raw_joules: float
    terms: Dict[str, float]
    peak_watts: float
    samples: int
    gaps: integrate.Gaps
    rails: Dict[str, float]
    problem: Optional[str] = None
    beat: Optional[str] = None


def from_power(
    part: Slice, info: DeviceInfo, start_s: float, end_s: float, period_s: float
) -> Optional[Draft]:
    """The draft of sampled power; None without a sample."""
    times, watts = known(part.times_s, part.watts)
    if not times:
        return None
    area = integrate.area(times, watts, start_s, end_s, GAP_PERIODS * period_s)
    joules = area.joules + integrate.lag_joules(area.start_watts, area.end_watts, info.lag_s)
    beat = aliasing.find(times, watts, part.strays, start_s, end_s, area)
    terms = uncertainty.traced(area, joules, end_s - start_s, info, beat.joules if beat else 0.0)
    counts = bool(known(part.times_s, part.joules)[1])
    # beside a counter the rails are in joules, which must not be integrated as if in watts
    rails = {} if counts else _rails(part, lambda t, w: _rail_power(t, w, start_s, end_s, info))
    return Draft(
        "estimate" if info.estimate else "trace",
        joules,
        area.joules,
        terms,
        area.peak_watts,
        area.samples,
        area.gaps,
        rails,
        "the counter failed, so power was integrated" if counts else None,
        beat.sentence if beat else None,
    )


def from_counter(
    part: Slice, info: DeviceInfo, start_s: float, end_s: float, period_s: float
) -> Optional[Draft]:
    """The draft of a counter; None if it never moved."""
    found = ticks.find(*known(part.times_s, part.joules), update_s=info.update_s or 0.0)
    parts = ticks.spread(found, start_s, end_s)
    if not parts:
        return None
    joules = _filled(parts, start_s, end_s)
    powers = [watts for _, _, watts in parts]
    update = max(info.update_s or 0.0, period_s)
    gaps = integrate.gaps(
        found.times_s, start_s, end_s, GAP_PERIODS * update, EDGE_UPDATES * update
    )
    gaps += ticks.broken(found, start_s, end_s)
    terms = uncertainty.counted(powers, joules, end_s - start_s, info, update, period_s, gaps)
    seen = [w for t, w in zip(part.times_s, part.watts) if start_s <= t <= end_s and w == w]
    rails = _rails(part, lambda t, e: _rail_count(t, e, start_s, end_s, info))
    return Draft(
        "counter",
        joules,
        joules,
        terms,
        max(seen or powers),
        len(parts),
        gaps,
        rails,
        "the counter was reset" if ticks.broken(found, start_s, end_s) else None,
    )


def known(times: Sequence[float], values: Sequence[float]) -> Tuple[List[float], List[float]]:
    """Times and values without the rows that have no value, which are NaN."""
    total = sum(values)
    if total == total:  # one NaN makes the sum NaN: most records are told in one quick pass
        return list(times), list(values)
    rows = [(t, v) for t, v in zip(times, values) if v == v]
    return [t for t, _ in rows], [v for _, v in rows]


def _filled(parts: List[ticks.Part], start_s: float, end_s: float) -> float:
    """Joules of the known parts, stretched over what a reset left unknown."""
    seconds = sum(b - a for a, b, _ in parts)
    return sum((b - a) * watts for a, b, watts in parts) * (end_s - start_s) / seconds


def _rails(
    part: Slice, joules_of: Callable[[List[float], List[float]], Optional[float]]
) -> Dict[str, float]:
    """Joules by rail, of the rails that have any."""
    found = {name: joules_of(*known(part.times_s, column)) for name, column in part.rails.items()}
    return {name: joules for name, joules in found.items() if joules is not None}


def _rail_power(
    times: List[float], watts: List[float], start_s: float, end_s: float, info: DeviceInfo
) -> Optional[float]:
    if not times:
        return None
    inside_t, inside_w = integrate.cut(times, watts, start_s, end_s)
    return integrate.trapezoid(inside_t, inside_w) + integrate.lag_joules(
        inside_w[0], inside_w[-1], info.lag_s
    )


def _rail_count(
    times: List[float], joules: List[float], start_s: float, end_s: float, info: DeviceInfo
) -> Optional[float]:
    found = ticks.find(times, joules, info.update_s or 0.0)
    parts = ticks.spread(found, start_s, end_s)
    return _filled(parts, start_s, end_s) if parts else None
