"""How often the 95 % interval of a reading holds the truth, when a sensor errs as it claims."""

import random
from typing import Any, Callable

from edgejoule.devices.energy import window
from edgejoule.devices.proof import virtual_time
from edgejoule.devices.reading import DeviceInfo, Sample

WATTS, SECONDS, NOISE_W, GAIN, SEED = 8.0, 10.0, 0.8, 0.01, 3
ROUNDING_J = 1e-9  # a sensor without errors has an interval of no width


def coverage(
    trials: int,
    gain: float = GAIN,
    noise_watts: float = NOISE_W,
    lag_s: float = 0.0,
    tick: Callable[[], Any] = lambda: None,
) -> float:
    """Share of intervals, 0 to 1, that hold the true joules of a constant load.

    Every sample errs by a normally distributed number of watts of its own, and every trial's
    sensor by a normally distributed factor that all its samples share. `tick()` is called
    after each trial.
    """
    dice = random.Random(SEED)
    sensing = "average" if lag_s else "instant"
    info = virtual_time.info(period_s=0.1, gain=gain, lag_s=lag_s, sensing=sensing)
    held = 0
    for _ in range(trials):
        held += _holds(dice, info, noise_watts)
        tick()
    return held / trials


def _holds(dice: random.Random, info: DeviceInfo, noise_watts: float) -> bool:
    scale = 1.0 + dice.gauss(0.0, info.gain)
    start = dice.random()

    def sample(_: float) -> Sample:
        return Sample(watts=scale * (WATTS + dice.gauss(0.0, noise_watts)))

    found = virtual_time.record(sample, start, start + SECONDS, info, 0.1 * dice.random())
    reading = window.reading(found, info, start, start + SECONDS)
    assert reading.joules is not None and reading.uncertainty_joules is not None  # no gaps here
    return abs(reading.joules - WATTS * SECONDS) <= reading.uncertainty_joules + ROUNDING_J
