"""A counter's joules made to rise for ever: restarts are taken out, and remembered.

A counter that goes back, or on by more than the device can draw, was restarted (by a driver, by
a suspended machine) or wrapped unseen: what it did meanwhile is unknown, and no number.
"""

from array import array
from bisect import bisect_left, bisect_right
from statistics import median
from typing import Dict, List, NamedTuple, Optional

from edgejoule.devices.reading import Sample

# Of the most that a device may draw for longer: caps and shunts let more through for moments.
ALLOWED = 2.0
# Without a limit: of the usual power so far. A GPU from rest to full load is 30 times, but the
# usual is taken over a minute in which it did both.
UNUSUAL, USUAL_OF, FEWEST = 20.0, 256, 8
ANY_WATTS = 1e5  # no one device draws it
HOLE_UPDATES = 3  # ticks further apart than that leave a hole


class Hole(NamedTuple):
    """Two ticks [s, J] with too long a time between them."""

    start_s: float
    start_joules: float
    end_s: float
    end_joules: float


class Counter:
    """Follows one counter; `risen` is for one thread, and for samples in order."""

    def __init__(self, limit_watts: Optional[float], update_s: float):
        self.broken_s = array("d")  # pairs: from and to of every restart
        self.holes: List[Hole] = []
        self.tick_s: Optional[float] = None  # the last tick, and the counter then
        self.tick_joules = 0.0
        self.tick_watts = 0.0  # mean power before it
        self._limit_watts, self._update_s = limit_watts, update_s
        self._usual = array("d")  # the last mean powers between ticks
        self._last: Dict[str, float] = {}
        self._lost: Dict[str, float] = {}
        self._time_s = 0.0

    def risen(self, time_s: float, sample: Sample) -> Sample:
        """The sample, its joules and its rails' without what restarts took or gave."""
        if sample.joules is None:
            return sample
        before = self._last.get("")
        if before is not None and self._jumped(time_s, sample.joules - before):
            self.broken_s.extend((self._time_s, time_s))
            self._forget(sample)
            self.tick_s = None
        joules = self._on("", sample.joules)
        rails = {name: self._on(name, value) for name, value in sample.rails.items()}
        if self.tick_s is None or joules != self.tick_joules:
            self._tick(time_s, joules)
        self._time_s = time_s
        return sample._replace(joules=joules, rails=rails)

    def broken(self, start_s: float, end_s: float) -> List[float]:
        """Moments of the restarts inside a window, [from, to, from, to, ...] clipped to it, s."""
        first = bisect_right(self.broken_s, start_s) // 2 * 2
        last = (bisect_left(self.broken_s, end_s) + 1) // 2 * 2
        return [min(max(t, start_s), end_s) for t in self.broken_s[first:last]]

    def hole(self, moment_s: float) -> Optional[Hole]:
        """The hole that a moment lies in; None if ticks are near."""
        place = bisect_left([hole.end_s for hole in self.holes], moment_s)
        if place < len(self.holes) and self.holes[place].start_s < moment_s:
            return self.holes[place]
        return None

    def _jumped(self, time_s: float, joules: float) -> bool:
        """True if no device of this kind does that since the last tick."""
        if self.tick_s is None:
            return joules < 0.0
        seconds = max(time_s - self.tick_s, self._update_s)
        return joules < 0.0 or joules > self._most_watts() * seconds

    def _most_watts(self) -> float:
        if self._limit_watts is not None:
            return ALLOWED * self._limit_watts
        if len(self._usual) < FEWEST:
            return ANY_WATTS
        return min(UNUSUAL * median(self._usual), ANY_WATTS)

    def _on(self, name: str, value: float) -> float:
        """The value with what restarts lost added; a rail that fell alone was restarted alone."""
        lost = self._lost.get(name, 0.0)
        if value < self._last.get(name, value):
            lost += self._last[name] - value
            self._lost[name] = lost
        self._last[name] = value
        return value + lost

    def _forget(self, sample: Sample) -> None:
        """Count on from where each counter stood."""
        for name, value in [("", sample.joules)] + list(sample.rails.items()):
            if name in self._last and value is not None:
                self._lost[name] = self._lost.get(name, 0.0) + self._last[name] - value
                self._last[name] = value

    def _tick(self, time_s: float, joules: float) -> None:
        """The counter has moved."""
        if self.tick_s is not None and time_s > self.tick_s:
            seconds = time_s - self.tick_s
            self.tick_watts = (joules - self.tick_joules) / seconds
            self._usual.append(self.tick_watts)
            if seconds > HOLE_UPDATES * self._update_s > 0.0:
                self.holes.append(Hole(self.tick_s, self.tick_joules, time_s, joules))
        if len(self._usual) > 2 * USUAL_OF:
            del self._usual[:USUAL_OF]
        self.tick_s, self.tick_joules = time_s, joules
