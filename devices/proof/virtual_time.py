"""The meter in virtual time: samples at the moments its thread would take them, no waiting."""

from typing import Any, Callable, List

from edgejoule.devices.energy.record import Record
from edgejoule.devices.proof.synthetic import Register, Sensor
from edgejoule.devices.reading import DeviceInfo, Sample

LEAD_S = 1.0  # the thread runs before and after the window
EDGE_S = 0.2e-3  # from a window's edge to the extra sample that it asks for


def moments(start_s: float, end_s: float, info: DeviceInfo, phase_s: float) -> List[float]:
    """When the thread takes samples round a window, in seconds: each edge restarts the grid.

    A register that is renewed more slowly than it is read keeps its grid.
    """
    period, before = _period_s(info), start_s - LEAD_S + phase_s
    edges = [start_s + EDGE_S, end_s + EDGE_S]
    if (info.update_s or 0.0) > period:
        return sorted(_grid(before, edges[1], period) + edges)
    return _grid(before, edges[0], period) + _grid(edges[0], edges[1], period) + edges[1:]


def _period_s(info: DeviceInfo) -> float:
    assert info.period_s is not None  # whoever makes a virtual device says how often it is read
    return info.period_s


def _grid(start_s: float, end_s: float, period_s: float) -> List[float]:
    # The 1e-9 keeps a sample that rounding would put on the end itself out of the grid.
    return [start_s + i * period_s for i in range(int((end_s - start_s) / period_s - 1e-9) + 1)]


def record(
    sample: Callable[[float], Sample],
    start_s: float,
    end_s: float,
    info: DeviceInfo,
    phase_s: float,
) -> Record:
    """What the thread would have recorded of `sample(t)` when the window closed."""
    found = Record(_period_s(info))
    for t in moments(start_s, end_s, info, phase_s):
        found.add(t, t, sample(t))
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
