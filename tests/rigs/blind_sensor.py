"""A power sensor in virtual time that looks part of the time, and a machine it looks at.

The machine's power is known for ever before and after; the sensor's phase, window, lag and
noise are the test's. The sensor knows nothing of who works the machine: a doctor's load, or a
body of work made of a `synthetic.Pattern`.
"""

import random
from bisect import bisect_right
from math import exp, floor

from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample


class Machine:
    """Watts over time, as they are set; exact joules."""

    def __init__(self, clock, rest=60.0, full=260.0):
        self.clock, self.rest, self.full = clock, rest, full
        self._moments, self._watts, self._joules = [0.0], [rest], [0.0]

    def draw(self, watts, at_s=None):
        """That power from now on, or from a later moment on; moments come in order."""
        at_s = self.clock.now() if at_s is None else at_s
        self._joules.append(self.joules(at_s))
        self._moments.append(at_s)
        self._watts.append(watts)

    def watts(self):
        """Watts now."""
        return self._watts[bisect_right(self._moments, self.clock.now()) - 1]

    def turn(self, share):
        """That share of the full load from now on."""
        self.draw(self.rest + share * (self.full - self.rest))

    def work(self, pattern, seconds):
        """A body of work: the pattern from its start on, then rest."""
        begun, place = self.clock.now(), 0
        t = begun
        while t < begun + seconds - 1e-9:
            length, watts = pattern.parts[place % len(pattern.parts)]
            self.draw(watts, t)
            t, place = t + length, place + 1
        self.clock.sleep(seconds)
        self.draw(self.rest)

    def joules(self, moment):
        """Joules from moment 0 to a moment, exact."""
        place = bisect_right(self._moments, moment) - 1
        return self._joules[place] + self._watts[place] * (moment - self._moments[place])

    def low_passed(self, moment, tau_s):
        """Watts at a moment through a low-pass of that time constant."""
        place = bisect_right(self._moments, moment) - 1
        value, until = self._watts[place], moment
        found, weight = 0.0, 1.0
        while place >= 0 and weight > 1e-9:
            passed = exp(-(until - self._moments[place]) / tau_s)
            found += weight * (1.0 - passed) * self._watts[place]
            weight, until, place = weight * passed, self._moments[place], place - 1
            value = self._watts[place + 1]
        return found + weight * value


class Sensor(Device):
    """Its value at each renewal is the mean power over `mean_s`, or a low-pass of `tau_s`.

    `phase` is that of the renewals, in updates, `late_s` how late the value is, `rise_s` how
    slowly the watts follow what is drawn, `noise` the standard deviation of a value, W, `step`
    what values are rounded to, W, `read_s` what a read takes. Everything else is a fact that
    `info()` tells.
    """

    def __init__(self, machine, update_s, mean_s=None, tau_s=None, phase=0.0, **options):
        self._machine, self._update_s, self._window_s = machine, update_s, mean_s
        self._tau_s, self._phase_s = tau_s, phase * update_s
        self._late_s, self._rise_s = options.pop("late_s", 0.0), options.pop("rise_s", 0.0)
        self._noise, self._step = options.pop("noise", 0.0), options.pop("step", 0.001)
        self._read_s = options.pop("read_s", 0.0)
        self._seed = options.pop("seed", 0)
        self._facts = options
        self._newest = (None, 0.0)

    def info(self):
        """As an adapter that was told nothing would say, with the test's own facts on top."""
        period_s = max(self._update_s / 2, 0.02)
        known = DeviceInfo("virtual", "virtual", "power", "module", period_s=period_s)
        return known._replace(**dict({"update_s": self._update_s}, **self._facts))

    def read(self):
        """The value of the newest renewal."""
        if self._read_s:
            self._machine.clock.sleep(self._read_s)
        number = floor((self._machine.clock.now() - self._phase_s) / self._update_s)
        if number != self._newest[0]:
            self._newest = (number, self._value(number))
        return [Sample(watts=self._newest[1])]

    def _value(self, number):
        seen = self._phase_s + number * self._update_s - self._late_s
        if self._tau_s is not None:
            watts = self._machine.low_passed(seen, self._tau_s)
        else:
            watts = (self._joules(seen) - self._joules(seen - self._window_s)) / self._window_s
        watts += random.Random("{} {}".format(self._seed, number)).gauss(0.0, self._noise)
        return round(watts / self._step) * self._step

    def _joules(self, moment):
        joules = self._machine.joules(moment)
        if self._rise_s:  # what has yet to come out of the low-pass
            joules -= self._rise_s * self._machine.low_passed(moment, self._rise_s)
        return joules
