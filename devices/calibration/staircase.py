"""Loads of known edges: a staircase of levels, and pulses that no sensor keeps pace with.

What a sensor's window and lag are found from is the phase between the load's edges and the
sensor's renewals. A square wave meets few phases, and one in step with the sensor a single one;
pulses of irregular length meet all of them, long and short windows alike, in one go.
"""

import random
from typing import Any, Callable, List, Optional, Sequence, Tuple

from edgejoule.devices import probe
from edgejoule.devices.clock import MACHINE, Clock

Work = Callable[[float], Any]  # sets the share of the full load, 0 to 1
Edges = List[Tuple[float, float]]  # (moment in s, share of the full load from then on)
Steps = Sequence[Tuple[float, float]]  # (share of the full load, seconds it is held)

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
HOLD_S = 4.0  # a sensor settles within 2 s (first order, 0.42 s) and is then watched as long
REST_S, PUSH_S = 1.0, 3.0  # rest, then a step that shows averages of up to a second whole
SHORTEST_S = 0.02  # pulses shorter than ten units of work have no sharp edges
SHORTEST, LONGEST = 0.3, 6.0  # lengths of pulses in updates of the sensor
LONGEST_S = 0.3  # at least: a sensor renewed every few ms may average over a hundred
UPDATES, LEAST_S, MOST_S = 120, 6.0, 30.0  # how long there are pulses


def climb(
    clock: Clock = MACHINE,
    levels: Sequence[float] = LEVELS,
    hold_s: float = HOLD_S,
    work: Optional[Work] = None,
) -> Edges:
    """[(moment_s, share of full load)] of the steps, once every level was held for `hold_s`.

    `work(share)` sets the load; None keeps every core busy for that share of the time.
    """
    return play([(share, hold_s) for share in levels], clock, work)


def pulses(update_s: float) -> Steps:
    """Rest, a long step and irregular pulses, for a sensor renewed about every `update_s`.

    The lengths are spread evenly over their orders of magnitude; the same every time.
    """
    chance = random.Random(1)
    shortest = max(SHORTEST * update_s, SHORTEST_S)
    ratio = max(LONGEST * update_s, LONGEST_S) / shortest
    steps, share = [(0.0, REST_S), (1.0, PUSH_S)], 0.0
    left = min(max(UPDATES * update_s, LEAST_S), MOST_S)
    while left > 0.0:
        steps.append((share, shortest * ratio ** chance.random()))
        left -= steps[-1][1]
        share = 1.0 - share
    return steps


def play(
    steps: Steps,
    clock: Clock = MACHINE,
    work: Optional[Work] = None,
    look: Optional[Callable[[], Any]] = None,
    every_s: float = 1.0,
) -> Edges:
    """The moments at which the steps began; `look()` is called every `every_s` meanwhile.

    The load is back at rest at the end, whatever happens.
    """
    if work is None:
        load = probe.Load(0.0)
        try:
            return play(steps, clock, load.turn, look, every_s)
        finally:
            load.stop()
    edges = []
    try:
        for share, seconds in steps:
            work(share)
            edges.append((clock.now(), share))
            _wait(edges[-1][0] + seconds, clock, look, every_s)
    finally:
        work(0.0)
    return edges


def _wait(until_s: float, clock: Clock, look: Optional[Callable[[], Any]], every_s: float) -> None:
    """Until a moment, looking; a look that lasts may overrun it."""
    while clock.now() < until_s:
        next_s = clock.now() + every_s
        if look is not None:
            look()
        clock.sleep(min(next_s if look else until_s, until_s) - clock.now())
