"""Whether a trace follows the load, and whether it does so in time."""

from operator import mul
from typing import List, Sequence, Tuple

from edgejoule.devices.calibration import straight
from edgejoule.devices.calibration.plateaus import Series, Step

# Of a step. A trace further off than this runs into the calm parts, which begin six time
# constants of a first-order sensor after the step: 0.2 % of its way is left then.
EARLY, LATE = 1 / 12, 1 / 12
GRID = 24  # moments a step at which a trace is compared with the load
CUT = 20  # of the values: one in so many, at either end, may be a misread
FOLLOWS = 0.7  # correlation with the load below which a trace shows something else


def check(series: Series, steps: Sequence[Step], end_s: float, name: str) -> None:
    """Raise RuntimeError if a trace does not follow the load, or not at the same time."""
    hold = (end_s - steps[0][0]) / len(steps)
    shift, likeness = shift_s(series, steps, end_s, hold / GRID)
    if likeness < FOLLOWS:
        raise RuntimeError(
            "{} did not follow the load (correlation {:.2f}, best at {:+.2g} s): is it on this "
            "board's supply, and is its clock right?".format(name, likeness, shift)
        )
    if not -EARLY * hold <= shift <= LATE * hold:
        raise RuntimeError(
            "{} is {:.2g} s {} the load: its clock and this machine's disagree, or it averages "
            "for long; set the clock, or hold every level for longer with --hold".format(
                name, abs(shift), "behind" if shift > 0 else "ahead of"
            )
        )


def shift_s(
    series: Series, steps: Sequence[Step], end_s: float, grid_s: float
) -> Tuple[float, float]:
    """(seconds by which a trace trails the load, its correlation with the load there)."""
    count = int((end_s - steps[0][0]) / grid_s)
    load = _profile(steps, grid_s, count)
    seen = _on_grid(series, steps[0][0], grid_s, count)
    tried = {}
    for shift in range(-GRID // 2, GRID // 2 + 1):
        early, late = max(shift, 0), count + min(shift, 0)
        tried[shift] = _correlation(seen[early:late], load[early - shift : late - shift])
    best = max(tried, key=lambda shift: (tried[shift], -abs(shift)))
    return best * grid_s, tried[best]


def _profile(steps: Sequence[Step], grid_s: float, count: int) -> List[float]:
    """Share of full load at every moment of the grid [count]."""
    found, at = [], 0
    for n in range(count):
        moment = steps[0][0] + (n + 0.5) * grid_s
        while at + 1 < len(steps) and steps[at + 1][0] <= moment:
            at += 1
        found.append(steps[at][1])
    return found


def _on_grid(series: Series, start_s: float, grid_s: float, count: int) -> List[float]:
    """Watts in every cell of the grid [count]: the middle one of its values, else the last.

    A misread at the top of a register would outweigh the staircase: what is above or below
    nearly all values is cut off there.
    """
    ordered = sorted(series.watts)
    low, high = ordered[len(ordered) // CUT], ordered[-1 - len(ordered) // CUT]
    found, at, last = [], 0, series.watts[0]
    while at < len(series.times) and series.times[at] < start_s:
        at += 1
    for n in range(count):
        cell = []
        while at < len(series.times) and series.times[at] < start_s + (n + 1) * grid_s:
            cell.append(series.watts[at])
            at += 1
        last = min(max(straight.median(cell), low), high) if cell else last
        found.append(last)
    return found


def _correlation(x: Sequence[float], y: Sequence[float]) -> float:
    at_x, at_y = sum(x) / len(x), sum(y) / len(y)
    over_x, over_y = [each - at_x for each in x], [each - at_y for each in y]
    own = sum(map(mul, over_x, over_x)) * sum(map(mul, over_y, over_y))
    return sum(map(mul, over_x, over_y)) / own**0.5 if own > 0.0 else 0.0
