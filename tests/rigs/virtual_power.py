"""A board and its meter in virtual time, for pytest sessions of their own.

`install()`, called by such a session's conftest.py, hands them to the plugin: sleeping on `CLOCK`
takes no time, and joules are exact but for the noise of each round. The watts and the power mode
stand in the environment.
"""

import functools
import os
import random

from edgejoule.bench.joules import joule_session
from edgejoule.devices import choose
from edgejoule.devices.reading import DeviceInfo, Reading
from rigs.hand_clock import HandClock

CLOCK = HandClock(1000.0)
WATTS, MODE = "VIRTUAL_WATTS", "VIRTUAL_MODE"
NOISE = 0.002  # relative standard deviation of a round's joules


class Board:
    """What an adapter opens."""

    def info(self):
        mode = os.environ.get(MODE, "MAXN")
        return DeviceInfo("virtual", "Board", "VDD_IN", "board", power_mode=mode, update_s=0.01)

    def close(self):
        pass


class Meter:
    """What a session asks of a meter; it draws the watts of the environment at every moment."""

    def __init__(self, device, clock):
        self.device, self.clock, self.info = device, clock, device.info()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def edge(self):
        return self.clock.now()

    def between(self, start_s, end_s):
        noise = random.Random(start_s).gauss(0, NOISE)
        joules = float(os.environ[WATTS]) * (end_s - start_s) * (1 + noise)
        return Reading(end_s - start_s, joules, 0.1, status="too_short", source="counter")


def install():
    """Gives this process's session the virtual board, meter and clock."""
    choose.open = lambda *_, **__: Board()
    joule_session.Meter = Meter
    joule_session.JouleSession = functools.partial(joule_session.JouleSession, clock=CLOCK)
