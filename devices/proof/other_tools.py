"""What other tools make of sampled power, as their sources have it; for comparison only."""

from typing import List

from edgejoule.devices.proof.synthetic import Sensor

PERIOD_S = 1.0  # carbontracker's thread and jtop's default


def mean_power(sensor: Sensor, start_s: float, end_s: float, phase: float) -> float:
    """Mean of the samples times the duration: carbontracker, in joules."""
    watts = [sensor.watts(t) for t in _moments(start_s, end_s, phase)]
    return sum(watts) / len(watts) * (end_s - start_s)


def reading_times_dt(sensor: Sensor, start_s: float, end_s: float, phase: float) -> float:
    """Each sample inside times the time since the one before: a loop over jtop, in joules.

    What passed before the first sample and after the last is lost, as it is there.
    """
    moments = _moments(start_s, end_s, phase)
    return sum((late - early) * sensor.watts(late) for early, late in zip(moments, moments[1:]))


def _moments(start_s: float, end_s: float, phase: float) -> List[float]:
    """When a thread that has run before samples inside the window: once at least."""
    first = start_s + phase * min(PERIOD_S, end_s - start_s) * 0.999
    return [first + i * PERIOD_S for i in range(int((end_s - first) / PERIOD_S) + 1)]
