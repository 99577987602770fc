"""Waits until a board is cool and its temperature stands still, not for a fixed time.

A warm chip leaks more: the same epoch costs more joules. Two nights that begin at different
temperatures differ for that reason alone.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from edgejoule.devices.clock import MACHINE, Clock

COOL_C = 45.0  # cool enough wherever it is
ABOVE_IDLE_C = 5.0  # or this close to the coolest the device was seen at before a night
DRIFT_C_PER_MIN = 1.0
WINDOW_S, STEP_S = 30.0, 5.0  # a drift is judged over the window, a look is taken every step
CONSTANT = "pmic"  # a Jetson's PMIC-Die zone always says 100 C

Seen = List[Tuple[float, float]]  # (moment in seconds, C of the hottest zone), one per look


class Cooled(NamedTuple):
    """How the waiting ended; `celsius` is the hottest zone then, `coolest` the least it was.

    `sentence` says it in words. None if no zone told a temperature.
    """

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
    zones: Callable[[], Dict[str, float]], patience: Patience, clock: Clock = MACHINE
) -> Cooled:
    """Looks at the zones until they are cool and steady, or patience ends.

    `zones()` are the C of every thermal zone now. A board that tells no temperature is not waited
    for: it would never run.
    """
    begun_s, degrees = clock.now(), hottest(zones())
    if degrees is None:
        return Cooled(True, None, None, 0.0, "no thermal zone tells a temperature: not waited")
    seen = [(begun_s, degrees)]
    while not _steady(seen, patience.limit):
        if clock.now() - begun_s >= patience.most_s:
            return _refused(seen, patience)
        clock.sleep(STEP_S)
        moment_s, degrees = clock.now(), hottest(zones())
        if degrees is None:
            silent = "the thermal zones fell silent: went on"
            return Cooled(True, None, _coolest(seen), clock.now() - begun_s, silent)
        seen.append((moment_s, degrees))
    waited_s = clock.now() - begun_s
    sentence = "began at {:.1f} C after {:.0f} s".format(degrees, waited_s)
    return Cooled(True, degrees, _coolest(seen), waited_s, sentence)


def drift(seen: Seen) -> Optional[float]:
    """C per minute over the last window of what was seen; None before it is full."""
    now, last = seen[-1]
    old = [(moment, degrees) for moment, degrees in seen if now - moment >= WINDOW_S]
    return (last - old[-1][1]) / (now - old[-1][0]) * 60.0 if old else None


def _steady(seen: Seen, limit: float) -> bool:
    moved = drift(seen)
    return seen[-1][1] <= limit and moved is not None and abs(moved) < DRIFT_C_PER_MIN


def _refused(seen: Seen, patience: Patience) -> Cooled:
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


def _coolest(seen: Seen) -> float:
    return min(degrees for _, degrees in seen)
