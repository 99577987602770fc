"""Power with exactly known joules: periodic patterns, and what imperfect sensors show of them."""

from bisect import bisect_right
from math import exp, floor
from typing import List, Sequence, Tuple


class Sensor:
    """Whatever shows watts at a moment; `DeviceInfo` is what a device says about itself."""

    def watts(self, t: float) -> float:
        """Watts shown at a moment, in seconds."""
        raise TypeError("{} defines no watts()".format(type(self).__name__))


class Pattern(Sensor):
    """Constant stretches of power, repeated for ever: parts [(seconds, watts)]."""

    def __init__(self, parts: Sequence[Tuple[float, float]]):
        self.parts = list(parts)
        self.starts: List[float] = []
        self.energies: List[float] = []
        t = joules = 0.0
        for seconds, watts in self.parts:
            self.starts.append(t)
            self.energies.append(joules)
            t, joules = t + seconds, joules + seconds * watts
        self.period_s, self.cycle_joules = t, joules

    def watts(self, t: float) -> float:
        """Watts at a moment."""
        return self.parts[self.place(t)[0]][1]

    def joules(self, t: float) -> float:
        """Joules from moment 0 to a moment, exact."""
        index, inside = self.place(t)
        return (
            floor(t / self.period_s) * self.cycle_joules
            + self.energies[index]
            + inside * self.parts[index][1]
        )

    def place(self, t: float) -> Tuple[int, float]:
        """Which part a moment falls into, and how many seconds into it."""
        phase = t - floor(t / self.period_s) * self.period_s
        index = bisect_right(self.starts, phase) - 1
        return index, phase - self.starts[index]


class Trailing(Sensor):
    """What a first-order sensor of time constant `lag_s` shows of a pattern, in steps of watts."""

    def __init__(self, pattern: Pattern, lag_s: float, step_watts: float):
        self.pattern, self.lag_s, self.step_watts = pattern, lag_s, step_watts
        self._at_start = self._settled()

    def watts(self, t: float) -> float:
        """Watts shown at a moment, the sensor having run for ever before."""
        index, inside = self.pattern.place(t)
        power = self.pattern.parts[index][1]
        shown = power + (self._at_start[index] - power) * exp(-inside / self.lag_s)
        return round(shown / self.step_watts) * self.step_watts

    def _settled(self) -> List[float]:
        """Value at the start of each part, once the first cycles have been forgotten.

        After 40 time constants less than 1e-17 of the beginning is left.
        """
        value = self.pattern.cycle_joules / self.pattern.period_s
        for _ in range(2 + int(40 * self.lag_s / self.pattern.period_s)):
            found = []
            for seconds, watts in self.pattern.parts:
                found.append(value)
                value = watts + (value - watts) * exp(-seconds / self.lag_s)
        return found


class Register:
    """A counter of a pattern's joules that is renewed every `update_s` from an offset on."""

    def __init__(self, pattern: Pattern, update_s: float, offset_s: float = 0.0):
        self.pattern, self.update_s, self.offset_s = pattern, update_s, offset_s

    def joules(self, t: float) -> float:
        """Joules that the register shows at a moment."""
        ticks = floor((t - self.offset_s) / self.update_s)
        return self.pattern.joules(self.offset_s + ticks * self.update_s)


def constant(watts: float = 8.0) -> Pattern:
    """Power that never changes."""
    return Pattern([(1.0, watts)])


def square(low: float = 4.0, high: float = 12.0, hertz: float = 0.5) -> Pattern:
    """Half a period each at two levels."""
    return Pattern([(0.5 / hertz, high), (0.5 / hertz, low)])


def training(steps: int = 97) -> Pattern:
    """Steps of 38 ms (24 ms at 13 W, 14 ms at 5 W), then 0.7 s of evaluation at 6 W."""
    return Pattern([(0.024, 13.0), (0.014, 5.0)] * steps + [(0.7, 6.0)])
