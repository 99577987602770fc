"""Two traces of one staircase whose gain, offset and lag a test chooses."""

import math
import random
from bisect import bisect_right

from edgejoule.devices.trace import PowerTrace

LEVELS = (0.0, 0.5, 1.0, 0.0, 1.0, 0.5)
BEGUN_S = 100.0


class Staircase:
    """Power that climbs and descends; `watts(t)` is the truth, `followed(t)` a slow sensor's."""

    def __init__(self, dice, rounds=3, hold_s=4.0, low=3.0, high=14.0, late=0.03):
        self.dice, self.steps, moment = dice, [], BEGUN_S
        for number in range(rounds):
            for share in LEVELS:
                self.steps.append((moment, share))
                moment += hold_s * (1 + 0.1 * (number * 0.618 % 1)) + dice.uniform(0.0, late)
        self.end_s, self.low, self.high = moment, low, high
        self.moments = [at for at, _ in self.steps]

    def level(self, number):
        return self.low + (self.high - self.low) * (self.steps[number][1] if number >= 0 else 0.0)

    def watts(self, moment_s):
        return self.level(bisect_right(self.moments, moment_s) - 1)

    def followed(self, moment_s, lag_s):
        """What a first-order sensor shows: the last few steps are still in it."""
        now = bisect_right(self.moments, moment_s) - 1
        shown = self.level(now)
        for number in range(max(now - 3, 0), now + 1):
            step = self.level(number - 1) - self.level(number)
            shown += step * math.exp(-(moment_s - self.moments[number]) / lag_s)
        return shown

    def trace(self, hertz, shown, noise=0.05, drop=lambda moment_s: False, shift_s=0.0):
        """Samples of `shown(t)` at a jittery rate, with noise and a resolution of 1 mW."""
        times, watts, moment = [], [], BEGUN_S - 1.0 + self.dice.random() / hertz
        while moment < self.end_s + 1.0:
            if not drop(moment):
                times.append(moment + shift_s)
                watts.append(round(shown(moment) + self.dice.gauss(0.0, noise), 3))
            moment += self.dice.uniform(0.9, 1.1) / hertz
        return PowerTrace(times, watts)


def pair(seed, gain=1.07, offset=-0.4, lag_s=0.2, hertz=(10.0, 10.0), noise=0.05, **more):
    """(staircase, reference, sensor): the sensor is of first order, or early for a lag below 0."""
    stairs = Staircase(random.Random(seed), **more)

    def shown(moment_s):
        seen = stairs.watts(moment_s - lag_s)
        return gain * (stairs.followed(moment_s, lag_s) if lag_s > 0 else seen) + offset

    return stairs, stairs.trace(hertz[0], stairs.watts, noise), stairs.trace(hertz[1], shown, noise)
