"""The meter in virtual time: samples at the moments its thread would take them, no waiting."""

import random
from typing import Any, Callable, List

from edgejoule.devices.energy import moments
from edgejoule.devices.energy.moments import Stratum
from edgejoule.devices.energy.record import Record
from edgejoule.devices.proof.synthetic import Register, Sensor
from edgejoule.devices.reading import DeviceInfo, Sample

LEAD_S = 1.0  # the thread runs before and after the window
EDGE_S = 0.2e-3  # from a window's edge to the extra sample that it asks for


def looks(plan: moments.Plan, start_s: float, end_s: float, begun_s: float) -> List[Stratum]:
    """When the thread looks at its sensor from a moment on to a window's end: each edge anew."""
    found: List[Stratum] = []
    for edge_s, until_s in (
        (begun_s, start_s + EDGE_S),
        (start_s + EDGE_S, end_s + EDGE_S),
        (end_s + EDGE_S, float("-inf")),
    ):
        plan.begin(edge_s)
        found.append(moments.edge(edge_s))
        stratum = plan.next(edge_s)
        # the 1e-9 keeps a look that rounding would put on the next edge itself out
        while stratum.at_s < until_s - 1e-9:
            found.append(stratum)
            stratum = plan.next(stratum.at_s)
    return found


def record(
    sample: Callable[[float], Sample],
    start_s: float,
    end_s: float,
    info: DeviceInfo,
    phase_s: float,
) -> Record:
    """What the thread would have recorded of `sample(t)` when the window closed.

    `phase_s` is where in its period the sampler stands, and seeds its dither.
    """
    assert info.period_s is not None  # whoever makes a virtual device says how often it is read
    plan = moments.plan(info, info.period_s, random.Random(repr((start_s, phase_s))))
    found = Record(info.period_s, info, plan.dithered)
    for stratum in looks(plan, start_s, end_s, start_s - LEAD_S + phase_s):
        found.add(stratum.at_s, stratum.at_s, sample(stratum.at_s), stratum)
    return found


def power(sensor: Sensor) -> Callable[[float], Sample]:
    """Samples of what a sensor shows in watts."""
    return lambda t: Sample(watts=sensor.watts(t))


def counter(register: Register) -> Callable[[float], Sample]:
    """Samples of a register in joules."""
    return lambda t: Sample(joules=register.joules(t))


def info(**facts: Any) -> DeviceInfo:
    """A device with these fields of `DeviceInfo`, such as `period_s=0.1`."""
    return DeviceInfo("virtual", "virtual", "IN", "module", **facts)
