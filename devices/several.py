"""Several sensors at once, as one device and one reading: sums without counting twice."""

from collections import Counter
from itertools import permutations
from math import sqrt
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from edgejoule.devices import witness
from edgejoule.devices.device import Device
from edgejoule.devices.energy import integrate
from edgejoule.devices.reading import SENSING, DeviceInfo, Reading, Sample, worst
from edgejoule.devices.trace import PowerTrace
from edgejoule.devices.vendors import gpus

WHOLE = ("module", "board")  # scopes that hold the GPU and the CPU already
INSIDE = {
    "core": "package",
    "uncore": "package",
    "dram": "package",
}  # a package comes with its dram


class Several(Device):
    """Devices of disjoint scope; each is sampled by a thread of its own.

    What is several itself, such as all GPUs, comes in by its parts.
    """

    def __init__(self, devices: Iterable[Device]):
        self.devices = [part for device in devices for part in parts(device)]
        _disjoint([device.info() for device in self.devices])

    def info(self) -> DeviceInfo:
        """One description of all parts."""
        infos = [device.info() for device in self.devices]
        labels = [info.fake for info in infos if info.fake]
        return DeviceInfo(
            "+".join(dict.fromkeys(i.adapter for i in infos)),
            _counted(i.name for i in infos),
            _counted(str(i.rail) for i in infos),
            "+".join(dict.fromkeys(i.scope for i in infos)),
            power_mode=infos[0].power_mode,
            driver="; ".join(dict.fromkeys(i.driver or "" for i in infos)),
            period_s=min([i.period_s for i in infos if i.period_s is not None], default=None),
            lag_s=max(i.lag_s for i in infos),
            fake="; ".join(labels) or None,
            estimate=any(i.estimate for i in infos),
            gain=max(i.gain for i in infos),
            # of a mixture the least that can be said of it
            sensing=min((i.sensing for i in infos), key=SENSING.index),
            limit_watts=_sum([i.limit_watts for i in infos]),
            serial="+".join(i.serial for i in infos if i.serial) or None,
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

    def facts(self) -> Dict[str, Any]:
        """What the parts' drivers know besides, by part."""
        names = labels([device.info() for device in self.devices])
        tellers = [getattr(device, "facts", None) for device in self.devices]
        return {name: facts() for name, facts in zip(names, tellers) if facts is not None}

    def close(self) -> None:
        """Close every part."""
        for device in self.devices:
            device.close()


def parts(device: Device) -> List[Device]:
    """The devices inside one, itself if it is single."""
    return device.devices if isinstance(device, Several) else [device]


def total(pairs: Sequence[Tuple[DeviceInfo, Reading]]) -> Reading:
    """The sum of [(DeviceInfo, Reading)] over one window; unknown if any part is unknown.

    Rails are named after their adapter and, where there may be several, their serial: "nvml
    GPU-4c2f". Errors of different sensors are independent.
    """
    own, witnesses = witness.apart(pairs)
    if witnesses:
        return witness.heard(total(own), witnesses)
    if len(pairs) == 1:
        return pairs[0][1]  # whole: with its peak, which a sum does not have
    readings = [reading for _, reading in pairs]
    names = labels([info for info, _ in pairs])
    rails = [
        (" ".join(filter(None, (name, rail))), joules)
        for name, (info, reading) in zip(names, pairs)
        for rail, joules in _rails(info, reading).items()
    ]
    reasons = ["{}: {}".format(n, r.reason) for n, (_, r) in zip(names, pairs) if r.reason]
    return Reading(
        readings[0].seconds,
        _sum([r.joules for r in readings]),
        _root([r.uncertainty_joules for r in readings]),
        None,  # the parts' peaks need not fall together
        sum(r.samples for r in readings),
        min(r.coverage for r in readings),
        worst([r.status for r in readings]),
        "+".join(dict.fromkeys(r.source for r in readings)),
        dict(zip(_distinct([rail for rail, _ in rails]), [joules for _, joules in rails])),
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


def labels(infos: Sequence[DeviceInfo]) -> List[str]:
    """A name for each part that no other has: its adapter, in a sum with its serial's beginning."""
    if len(infos) == 1:
        return [infos[0].adapter]
    serials = [info.serial for info in infos if info.serial]
    return _distinct(
        [
            "{} {}".format(info.adapter, gpus.short(info.serial, serials))
            if info.serial
            else info.adapter
            for info in infos
        ]
    )


def _distinct(names: Sequence[str]) -> List[str]:
    """The names, numbered from 2 on where one comes again."""
    found: List[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = "{} {}".format(name, number)
        found.append(free)
    return found


def _counted(words: Iterable[str]) -> str:
    """The words joined, those that are equal by their number: "2 x NVIDIA A100"."""
    counts = Counter(words)  # in the order of their first coming
    return " + ".join(w if n == 1 else "{} x {}".format(n, w) for w, n in counts.items())


def _calibrations(infos: Sequence[DeviceInfo]) -> List[str]:
    return ["{}: {}".format(i.adapter, i.calibration) for i in infos if i.calibration]


def _rails(info: DeviceInfo, reading: Reading) -> Dict[str, float]:
    """Joules by rail; a part without rails is one, by its serial if it has one."""
    if reading.rails or reading.joules is None:
        return reading.rails
    return {"" if info.serial else str(info.rail): reading.joules}


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


def _held_twice(infos: List[DeviceInfo]) -> Optional[str]:
    """What one part holds of another, in words; None if they are apart."""
    for one, other in permutations(infos, 2):
        if INSIDE.get(one.scope) == other.scope:
            return "{} holds {}".format(other.scope, one.scope)
        shared = _labels(one) & _labels(other)
        of_one_chip = (one.adapter, one.name) == (other.adapter, other.name)
        if of_one_chip and one.rail != other.rail and shared:
            return "{} holds {}".format(other.rail, ", ".join(sorted(shared)))
    return None


def _labels(info: DeviceInfo) -> Set[str]:
    """The rails that a device adds up."""
    return set(str(info.rail).split("+"))


def _disjoint(infos: List[DeviceInfo]) -> None:
    """Raise ValueError if the parts' joules cannot be added."""
    names = [info.adapter for info in infos]
    if any(info.reason is not None for info in infos):
        raise ValueError(
            "{}: {!r} measures nothing, so there is no sum; leave it out".format(
                "+".join(names), "none"
            )
        )
    whole = [info for info in infos if info.scope in WHOLE]
    if whole and len(infos) > 1 and not _siblings(infos):
        raise ValueError(
            "{}: a {} rail holds the others already, so their sum counts twice; "
            "take one of them".format("+".join(names), whole[0].scope)
        )
    twice = _held_twice(infos)
    if twice:
        raise ValueError(
            "{}: {} already, so their sum counts twice; take one of them".format(
                "+".join(names), twice
            )
        )
    if len({_identity(info) for info in infos}) < len(infos):
        raise ValueError("{}: one sensor is named twice; name each once".format("+".join(names)))


def _siblings(infos: Sequence[DeviceInfo]) -> bool:
    """True of things of one kind that are told apart by serial, such as two modules."""
    return len({(info.adapter, info.scope) for info in infos}) == 1 and all(
        info.serial for info in infos
    )


def _identity(info: DeviceInfo) -> Tuple[Optional[str], ...]:
    """Two GPUs of one model have one name: it is the serial that tells them apart."""
    return (info.adapter, info.serial) if info.serial else (info.adapter, info.name, info.rail)
