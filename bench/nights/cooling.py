"""Waits until a board is cool and its temperature stands still: by degrees, never by the clock.

A warm chip leaks more: the same epoch costs more joules. Two nights that begin at different
temperatures differ for that reason alone.
"""

import time
from typing import Callable, Dict, NamedTuple, Optional

COOL_C = 45.0  # cool enough wherever it is
ABOVE_IDLE_C = 5.0  # or this close to the coolest the device was seen at before a night
DRIFT_C_PER_MIN = 1.0
WINDOW_S, STEP_S = 30.0, 5.0  # a drift is judged over the window, a look is taken every step
CONSTANT = "pmic"  # a Jetson's PMIC-Die zone always says 100 C


class Cooled(NamedTuple):
    """How the waiting ended; `celsius` is the hottest zone then, `coolest` the least it was."""

    ready: bool
    celsius: Optional[float]
    coolest: Optional[float]
    waited_s: float
    sentence: str


class Patience(NamedTuple):
    """What is waited for: at most `most_s` seconds, until `limit` C or less."""

    most_s: float
    limit: float = COOL_C

    def with_idle(self, idle: Optional[float]) -> "Patience":
        """A device that idles warm need not become cooler than it ever is."""
        return self if idle is None else self._replace(limit=max(self.limit, idle + ABOVE_IDLE_C))


def hottest(zones: Dict[str, float]) -> Optional[float]:
    """Degrees of the hottest zone that tells a temperature; None without any."""
    found = [degrees for zone, degrees in zones.items() if CONSTANT not in zone.lower()]
    return max(found) if found else None


def wait(
    zones: Callable[[], Dict[str, float]],
    patience: Patience,
    clock=time.monotonic,
    sleep=time.sleep,
) -> Cooled:
    """Looks at the zones until they are cool and steady, or patience ends."""
    begun = clock()
    seen = [(begun, hottest(zones()))]
    if seen[0][1] is None:
        return Cooled(True, None, None, 0.0, "no thermal zone tells a temperature: not waited")
    while not _steady(seen, patience.limit):
        if clock() - begun >= patience.most_s:
            return _refused(seen, patience)
        sleep(STEP_S)
        seen.append((clock(), hottest(zones())))
        if seen[-1][1] is None:
            return Cooled(
                True,
                None,
                _coolest(seen),
                clock() - begun,
                "the thermal zones fell silent: went on",
            )
    return Cooled(
        True,
        seen[-1][1],
        _coolest(seen),
        clock() - begun,
        "began at {:.1f} C after {:.0f} s".format(seen[-1][1], clock() - begun),
    )


def drift(seen) -> Optional[float]:
    """C per minute over the last window of (seconds, C); None before it is full."""
    now, last = seen[-1]
    old = [(moment, degrees) for moment, degrees in seen if now - moment >= WINDOW_S]
    return (last - old[-1][1]) / (now - old[-1][0]) * 60.0 if old else None


def _steady(seen, limit: float) -> bool:
    moved = drift(seen)
    return seen[-1][1] <= limit and moved is not None and abs(moved) < DRIFT_C_PER_MIN


def _refused(seen, patience: Patience) -> Cooled:
    moved = drift(seen)
    return Cooled(
        False,
        seen[-1][1],
        _coolest(seen),
        seen[-1][0] - seen[0][0],
        "too warm to begin: {:.1f} C {} after {:.0f} min, asked for {:.1f} C and less "
        "than {:g} C/min; cool the board, or see --cool-to and --max-wait".format(
            seen[-1][1],
            "" if moved is None else "({:+.1f} C/min)".format(moved),
            patience.most_s / 60.0,
            patience.limit,
            DRIFT_C_PER_MIN,
        ),
    )


def _coolest(seen) -> Optional[float]:
    known = [degrees for _, degrees in seen if degrees is not None]
    return min(known) if known else None
