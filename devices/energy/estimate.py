"""A window's energy before it is judged: two ways to find it, one shape.

`from_power` integrates sampled watts, `from_counter` interpolates a counter's ticks.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.devices.calibration import blind
from edgejoule.devices.energy import integrate, ticks, uncertainty
from edgejoule.devices.energy.pieces import Piece
from edgejoule.devices.energy.record import GAP_PERIODS, MARGIN, Record
from edgejoule.devices.energy.rows import Slice, known
from edgejoule.devices.reading import DeviceInfo

LOOKED_THROUGH = 1200  # samples, two minutes of a value that is new ten times a second
EDGE_UPDATES = 2  # the last tick is up to one update old, and seen up to one poll later
MARGIN_UPDATES = 4  # ticks that far on both sides of an edge tell its moment and its power


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
    remark: Optional[str] = None


def from_power(
    record: Record, piece: Piece, info: DeviceInfo, start_s: float, end_s: float
) -> Optional[Draft]:
    """The draft of sampled power; None without a sample of it."""
    area = piece.area
    if area is None:
        return None
    joules = area.joules + integrate.lag_joules(area.start_watts, area.end_watts, info.lag_s)
    counts = record.counter.tick_s is not None
    terms = uncertainty.traced(area, joules, info, record.scatter(start_s, end_s))
    unseen = _unseen(record, info, start_s, end_s)
    return Draft(
        "estimate" if info.estimate else "trace",
        joules,
        area.joules,
        dict(terms, blind=unseen) if unseen else terms,
        area.peak_watts,
        area.samples,
        area.gaps,
        _lagging(record, piece.rails, info, start_s, end_s),
        "the counter failed, so power was integrated" if counts else None,
        blind.reason(info.window_s, info.update_s)
        if unseen and info.window_s and info.update_s
        else None,
    )


def _unseen(record: Record, info: DeviceInfo, start_s: float, end_s: float) -> float:
    """Joules in doubt, one standard deviation, because the sensor looks part of the time.

    Of a long window its first part is looked through, and what holds of it is taken to hold on:
    a load that is in step with the sensor stays so.
    """
    if not blind.is_blind(info.window_s, info.update_s):
        return 0.0
    first = record.rows.before(start_s)
    last = min(record.rows.place(end_s), first + LOOKED_THROUGH)
    part = record.rows.slice(first, last)
    watts = known(part.times_s, part.watts)[1]
    if len(watts) < 2:
        return 0.0
    seconds = min(part.times_s[-1], end_s) - max(part.times_s[0], start_s)
    doubt = blind.joules_in_doubt(watts, info.window_s, info.update_s, seconds, info.limit_watts)
    return doubt * (end_s - start_s) / seconds


def from_counter(
    record: Record, piece: Piece, info: DeviceInfo, start_s: float, end_s: float
) -> Optional[Draft]:
    """The draft of a counter; None if it never moved.

    A hole between two ticks costs nothing: the counter went on. One that an edge lies in costs
    the part of it inside the window.
    """
    update = max(info.update_s or 0.0, record.period_s)
    parts = [record.around(t, t, MARGIN_UPDATES * update, MARGIN) for t in (start_s, end_s)]
    edges = [_edge(record, part, t, update) for part, t in zip(parts, (start_s, end_s))]
    if edges[0] is None or edges[1] is None or record.counter.tick_s is None:
        return None
    broken = record.counter.broken(start_s, end_s)
    spans = [b - a for a, b in zip(broken[::2], broken[1::2])]
    filled = (end_s - start_s) / max(end_s - start_s - sum(spans), 1e-9)
    joules = (edges[1].joules - edges[0].joules) * filled
    missing = _missing(edges[0], edges[1], start_s, end_s, update)
    gaps = integrate.summed(missing + tuple(zip(broken[::2], broken[1::2])), end_s)
    powers, area = piece.powers, piece.area
    return Draft(
        "counter",
        joules,
        joules,
        uncertainty.counted(
            powers, joules, end_s - start_s, info, update, record.period_s, gaps.squares
        ),
        area.peak_watts if area is not None else max(powers.peak_watts, record.counter.tick_watts),
        powers.number + 1,
        gaps,
        _rails_counted(parts, info, start_s, end_s, filled),
        "the counter was restarted" if spans else None,
    )


def _edge(record: Record, part: Slice, moment_s: float, update_s: float) -> Optional[ticks.Edge]:
    """The counter at a moment: between ticks near it, across a hole, or held beyond the last."""
    hole = record.counter.hole(moment_s)
    if hole is not None:
        slope = (hole.end_joules - hole.start_joules) / (hole.end_s - hole.start_s)
        joules = hole.start_joules + slope * (moment_s - hole.start_s)
        return ticks.Edge(joules, hole.start_s, hole.end_s)
    found = ticks.edge(ticks.find(*known(part.times_s, part.joules), update_s), moment_s)
    last_s = record.counter.tick_s
    if found is None and last_s is not None and last_s <= moment_s:
        held = record.counter.tick_watts * (moment_s - last_s)
        return ticks.Edge(record.counter.tick_joules + held, last_s, None)
    return found


def _missing(
    first: ticks.Edge, last: ticks.Edge, start_s: float, end_s: float, update_s: float
) -> integrate.Stretches:
    """Stretches at the edges that no tick vouches for."""
    far = EDGE_UPDATES * update_s
    found: List[Tuple[float, float]] = []
    begun = start_s
    if first.late_s is not None and _apart(first, start_s, update_s):
        begun = min(first.late_s, end_s)
        found.append((start_s, begun))
    if last.early_s is not None and _apart(last, end_s, update_s):
        found.append((max(last.early_s, begun), end_s))
    elif last.early_s is None and last.late_s is not None and last.late_s - end_s > far:
        found.append((begun, end_s))
    return tuple((a, b) for a, b in found if b > a)


def _apart(edge: ticks.Edge, moment_s: float, update_s: float) -> bool:
    """True if the ticks round an edge are too far from it, or from each other."""
    if edge.early_s is None:
        return edge.late_s is not None and edge.late_s - moment_s > EDGE_UPDATES * update_s
    if edge.late_s is None:
        return moment_s - edge.early_s > EDGE_UPDATES * update_s
    return edge.late_s - edge.early_s > GAP_PERIODS * update_s


def _lagging(
    record: Record, rails: Dict[str, float], info: DeviceInfo, start_s: float, end_s: float
) -> Dict[str, float]:
    """Joules by rail with what each has yet to show at the end, less what it still showed."""
    if not info.lag_s or not rails:
        return rails
    first, last = [record.around(t, t, 0.0, MARGIN) for t in (start_s, end_s)]
    return {
        name: joules
        + integrate.lag_joules(_at(first, name, start_s), _at(last, name, end_s), info.lag_s)
        for name, joules in rails.items()
    }


def _at(part: Slice, name: str, moment_s: float) -> float:
    times, watts = known(part.times_s, part.rails[name]) if name in part.rails else ([], [])
    return integrate.at(times, watts, moment_s) if times else 0.0


def _rails_counted(
    parts: List[Slice], info: DeviceInfo, start_s: float, end_s: float, filled: float
) -> Dict[str, float]:
    """Joules by rail from counters of their own."""
    found = {}
    for name in parts[0].rails:
        edges = [
            ticks.edge(
                ticks.find(*known(part.times_s, part.rails[name]), info.update_s or 0.0), moment_s
            )
            for part, moment_s in zip(parts, (start_s, end_s))
            if name in part.rails
        ]
        if len(edges) == 2 and edges[0] is not None and edges[1] is not None:
            found[name] = (edges[1].joules - edges[0].joules) * filled
    return found
