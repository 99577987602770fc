"""Several sensors at once, as one device and one reading: sums without counting twice."""

from math import sqrt
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from edgejoule.devices import witness
from edgejoule.devices.device import Device
from edgejoule.devices.energy import integrate
from edgejoule.devices.reading import DeviceInfo, Reading, Sample, worst
from edgejoule.devices.trace import PowerTrace

WHOLE = ("module", "board")  # scopes that hold the GPU and the CPU already


class Several(Device):
    """Devices of disjoint scope; each is sampled by a thread of its own."""

    def __init__(self, devices: Iterable[Device]):
        self.devices = list(devices)
        _disjoint([device.info() for device in self.devices])

    def info(self) -> DeviceInfo:
        """One description of all parts."""
        infos = [device.info() for device in self.devices]
        labels = [info.fake for info in infos if info.fake]
        return DeviceInfo(
            "+".join(i.adapter for i in infos),
            " + ".join(i.name for i in infos),
            " + ".join(str(i.rail) for i in infos),
            "+".join(i.scope for i in infos),
            power_mode=infos[0].power_mode,
            driver="; ".join(i.driver or "" for i in infos),
            period_s=min([i.period_s for i in infos if i.period_s is not None], default=None),
            lag_s=max(i.lag_s for i in infos),
            fake="; ".join(labels) or None,
            estimate=any(i.estimate for i in infos),
            gain=max(i.gain for i in infos),
            calibration="; ".join(_calibrations(infos)) or None,
        )

    def read(self) -> List[Sample]:
        """The newest values of all parts, added up; what any part does not tell is unknown.

        A meter has no use for it: it samples every part on its own.
        """
        newest = [(list(device.read()) or [Sample()])[-1] for device in self.devices]
        return [Sample(_sum([s.watts for s in newest]), _sum([s.joules for s in newest]))]

    def notes(self) -> List[str]:
        """The sentences of every part."""
        return [text for device in self.devices for text in device.notes()]

    def close(self) -> None:
        """Close every part."""
        for device in self.devices:
            device.close()


def parts(device: Device) -> List[Device]:
    """The devices inside one, itself if it is single."""
    return device.devices if isinstance(device, Several) else [device]


def total(pairs: Sequence[Tuple[DeviceInfo, Reading]]) -> Reading:
    """The sum of [(DeviceInfo, Reading)] over one window; unknown if any part is unknown.

    Rails are named after their adapter. Errors of different sensors are independent.
    """
    own, witnesses = witness.apart(pairs)
    if witnesses:
        return witness.heard(total(own), witnesses)
    if len(pairs) == 1:
        return pairs[0][1]  # whole: with its peak and its beat, which sums do not have
    readings = [reading for _, reading in pairs]
    rails = {
        "{} {}".format(info.adapter, rail): joules
        for info, reading in pairs
        for rail, joules in _rails(info, reading).items()
    }
    reasons = ["{}: {}".format(i.adapter, r.reason) for i, r in pairs if r.reason]
    return Reading(
        readings[0].seconds,
        _sum([r.joules for r in readings]),
        _root([r.uncertainty_joules for r in readings]),
        None,  # the parts' peaks need not fall together
        sum(r.samples for r in readings),
        min(r.coverage for r in readings),
        worst([r.status for r in readings]),
        "+".join(r.source for r in readings),
        rails,
        "; ".join(reasons) or None,
        _root([r.repeatability_joules for r in readings]),
        _sum([r.raw_joules for r in readings]),
    )


def sum_traces(traces: Sequence[PowerTrace]) -> PowerTrace:
    """One trace of the parts' added watts, where all of them have samples; may be empty."""
    if len(traces) < 2 or not all(trace.times_s for trace in traces):
        return traces[0] if len(traces) == 1 else PowerTrace((), ())
    start, end = max(t.times_s[0] for t in traces), min(t.times_s[-1] for t in traces)
    times = sorted(t for trace in traces for t in trace.times_s if start <= t <= end)
    watts = [sum(integrate.at(p.times_s, p.watts, t) for p in traces) for t in times]
    return PowerTrace(tuple(times), tuple(watts), " + ".join(str(p.rail) for p in traces))


def _calibrations(infos: Sequence[DeviceInfo]) -> List[str]:
    return ["{}: {}".format(i.adapter, i.calibration) for i in infos if i.calibration]


def _rails(info: DeviceInfo, reading: Reading) -> Dict[str, float]:
    whole = {} if reading.joules is None else {str(info.rail): reading.joules}
    return reading.rails or whole


def _known(values: Sequence[Optional[float]]) -> Optional[List[float]]:
    """The values; None if any of them is unknown."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None


def _sum(values: Sequence[Optional[float]]) -> Optional[float]:
    known = _known(values)
    return None if known is None else sum(known)


def _root(values: Sequence[Optional[float]]) -> Optional[float]:
    """Root of the sum of squares; None if any is unknown."""
    known = _known(values)
    return None if known is None else sqrt(sum(value**2 for value in known))


def _disjoint(infos: List[DeviceInfo]) -> None:
    """Raise ValueError if the parts' joules cannot be added."""
    names = [info.adapter for info in infos]
    if any(info.reason is not None for info in infos):
        raise ValueError(
            "{}: {!r} measures nothing, so there is no sum; leave it out".format(
                "+".join(names), "none"
            )
        )
    if len(infos) > 1 and any(info.scope in WHOLE for info in infos):
        raise ValueError(
            "{}: a {} rail holds the others already, so their sum counts twice; "
            "take one of them".format(
                "+".join(names), [i.scope for i in infos if i.scope in WHOLE][0]
            )
        )
    if len({(info.adapter, info.name, info.rail) for info in infos}) < len(infos):
        raise ValueError("{}: one sensor is named twice; name each once".format("+".join(names)))
