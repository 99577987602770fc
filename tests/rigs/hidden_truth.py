"""A power that a test knows and two sensors see: an emulated board, and a meter that writes lines.

The board's sensor is of first order and has a gain and an offset; the meter is right.
"""

import math
import random

from rigs import board_rig

RAIL = "VDD_IN"  # the whole of a TX2's module
IDLE_W, FULL_W = 3.0, 14.0
GAIN, OFFSET_W, LAG_S = 1.07, -0.4, 0.42
METER_S, MOVED_S = 0.04, 0.005


class Truth:
    """Power by the share of full load, and what a first-order sensor shows of it."""

    def __init__(self, clock, gain=GAIN, offset=OFFSET_W, lag_s=LAG_S, noise=0.02, full=FULL_W):
        self.clock, self.gain, self.offset, self.lag_s = clock, gain, offset, lag_s
        self.noise, self.full, self.dice = noise, full, random.Random(7)
        self.share, self.followed, self.at_s = 0.0, IDLE_W, clock.now()
        self.joules = 0.0  # so far

    def watts(self):
        """The power now."""
        return IDLE_W + (self.full - IDLE_W) * self.share

    def load(self, share):
        """Set the share of full load, as `climb(work=...)` would."""
        self.move(self.clock.now())
        self.share = share

    def move(self, now):
        """Let the sensor's filter and the energy follow until now."""
        spent = now - self.at_s
        self.joules += self.watts() * spent
        left = math.exp(-spent / self.lag_s) if self.lag_s > 0 else 0.0
        self.followed = self.watts() + (self.followed - self.watts()) * left
        self.at_s = now

    def shown(self):
        """What the board's sensor says now."""
        return self.gain * self.followed + self.offset + self.dice.gauss(0.0, self.noise)

    def climb(self, clock, levels, hold_s, work=None):
        """Stands for `staircase.climb`, whose load is the machine's own."""
        steps = []
        for share in levels:
            self.load(share)
            steps.append((clock.now(), share))
            clock.sleep(hold_s)
        self.load(0.0)
        return steps

    def drive(self, root):
        """Keep the emulated board's rail at what its sensor would say, as time passes."""
        path, last = board_rig.power_file(root, RAIL), [float("-inf")]

        def follow(now):
            if now - last[0] >= MOVED_S:
                self.move(now)
                last[0] = now
                board_rig.renew(path, round(self.shown() * 1e3))

        self.clock.follow(follow)

    def write(self, file, every_s=METER_S, late_s=0.0, line="{:.6f},{:.4f}\n"):
        """Let a meter write the power with its time, `late_s` by its clock behind ours."""
        dice = random.Random(11)

        def work():
            while True:
                watts = self.watts() + dice.gauss(0.0, self.noise)
                file.write(line.format(self.clock.now() + late_s, watts))
                self.clock.sleep(every_s)

        self.clock.thread(work, "bench meter")
