"""A device whose values are corrected by what a calibration found out about its sensor."""

from math import hypot
from typing import Any, Dict, List, Optional, Tuple

from edgejoule.devices.calibration import store
from edgejoule.devices.calibration.correction import Counter, Line, sentence
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample

MARGIN = 0.05  # of the calibrated range, by which noise alone may leave it
SAME_LAG_S = 1e-3  # between what a driver's settings say of the lag, now and then


class Known(Device):
    """An opened device with the facts of `store`; what they do not touch passes through."""

    def __init__(
        self,
        device: Device,
        facts: Dict[str, Any],
        clock: Clock = MACHINE,
        rails: Optional[Dict[str, Dict[str, Any]]] = None,
        troubles: Tuple[str, ...] = (),
    ):
        self._device, self._facts, self._clock = device, facts, clock
        self._line, self._troubles = Line(facts), list(troubles)
        self._counter = Counter(self._line)
        self._rails = {name: Line(each) for name, each in (rails or {}).items()}
        rail = device.info().rail
        if rail is not None and facts:
            self._rails[rail] = self._line  # the total among its rails is the same value
        self._rail_counters = {name: Counter(line) for name, line in self._rails.items()}
        self._low, self._high = float("inf"), float("-inf")  # of the watts seen, corrected
        self._moved_lag = _moved_lag(facts, device.info())

    def __getattr__(self, name: str) -> Any:
        # such as `facts` of nvml; asked for only what is not defined here
        return getattr(self.__dict__["_device"], name)

    def info(self) -> DeviceInfo:
        """The device's own, with what was measured in place of what was assumed.

        Gain and offset are less certain once a value has left the range of the calibration:
        one range's width beyond it as uncertain as without one.
        """
        info = self._device.info()
        info = info._replace(calibration=sentence(self._facts) or info.calibration)
        for name in ("lag_s", "update_s", "window_s"):
            if self._facts.get(name) and not (name == "lag_s" and self._moved_lag):
                info = info._replace(**{name: max(self._facts[name]["value"], 0.0)})
        return self._scaled(info) if self._facts.get("gain") else info

    def read(self) -> List[Sample]:
        """The device's samples, corrected."""
        return [self._corrected(sample) for sample in self._device.read()]

    def notes(self) -> List[str]:
        """The device's sentences, and those on values that the calibration does not hold for."""
        return list(self._device.notes()) + self._troubles + self._moved_lag + self._outside()

    def close(self) -> None:
        """Close the device."""
        self._device.close()

    def _corrected(self, sample: Sample) -> Sample:
        moment_s = self._clock.now() if sample.time_s is None else sample.time_s
        watts, joules, rails = sample.watts, sample.joules, sample.rails
        if watts is not None:
            watts = self._line.watts(watts)
            self._see(watts)
        if joules is not None:
            joules, mean = self._counter.joules(joules, moment_s)
            if watts is None and mean is not None:
                self._see(mean)
        if self._rails and rails:
            rails = {
                name: self._rail(name, value, moment_s, sample.joules is not None)
                for name, value in rails.items()
            }
        return sample._replace(watts=watts, joules=joules, rails=rails)

    def _rail(self, name: str, value: float, moment_s: float, counts: bool) -> float:
        """A rail's value, corrected if that rail was calibrated."""
        if name not in self._rails:
            return value
        if counts:
            return self._rail_counters[name].joules(value, moment_s)[0]
        return self._rails[name].watts(value)

    def _see(self, watts: float) -> None:
        self._low, self._high = min(self._low, watts), max(self._high, watts)

    def _scaled(self, info: DeviceInfo) -> DeviceInfo:
        """The description in corrected watts, with the calibration's own uncertainties."""
        gain, offset = self._facts["gain"], self._facts.get("offset_watts")
        scale, beyond = self._line.gain, self._beyond()
        sure = hypot(_sd(gain) / gain["value"], self._facts.get("against_gain") or 0.0)
        zero = _sd(offset) / scale if offset else 0.0
        limit = info.limit_watts
        return info._replace(
            gain=sure + beyond * max(info.gain - sure, 0.0),
            offset_watts=zero + beyond * max(info.offset_watts / scale - zero, 0.0),
            step_watts=None if info.step_watts is None else info.step_watts / scale,
            limit_watts=None if limit is None else self._line.watts(limit),
        )

    def _beyond(self) -> float:
        """How far the values left the calibrated range: 0 not at all, 1 by its width or more."""
        span = self._facts.get("range_watts")
        if not span or self._high < self._low or span[1] <= span[0]:
            return 0.0
        out = max(span[0] - self._low, self._high - span[1]) / (span[1] - span[0])
        return min(max(out - MARGIN, 0.0), 1.0)

    def _outside(self) -> List[str]:
        if self._beyond() <= 0.0:
            return []
        return [
            "{}: {:.3g} to {:.3g} W were seen, calibrated was {:.3g} to {:.3g} W; beyond that "
            "the error bar grows".format(
                self._device.info().adapter, self._low, self._high, *self._facts["range_watts"]
            )
        ]


def apply(device: Device, clock: Clock = MACHINE) -> Device:
    """The device with what is stored about its sensor; itself if nothing is, or it is not real."""
    info = device.info()
    if info.reason is not None or info.fake or info.estimate:
        return device
    serial = serial_of(device)
    found = store.look(info, serial)
    rails = _rails(device, info, serial)
    if not found.facts and not found.troubles and not rails:
        return device
    return Known(device, found.facts, clock, rails, tuple(found.troubles))


def serial_of(device: Device) -> Optional[str]:
    """What tells this device from another of its name, such as a GPU's UUID; None if nothing."""
    facts = getattr(device, "facts", None)
    uuid = facts().get("uuid") if callable(facts) else None
    return str(uuid) if uuid else None


def _sd(quantity: Dict[str, Any]) -> float:
    """The standard uncertainty behind a 95 % interval."""
    return (quantity["high"] - quantity["low"]) / 4


def _moved_lag(facts: Dict[str, Any], info: DeviceInfo) -> List[str]:
    """A sentence if the sensor averages in another way than when it was calibrated."""
    then = facts.get("assumed_lag_s")
    if then is None or not facts.get("lag_s") or abs(then - info.lag_s) <= SAME_LAG_S:
        return []
    return [
        "{}: its driver now says a lag of {:.3g} s, and said {:.3g} s when it was calibrated; "
        "the measured lag is not used".format(info.adapter, info.lag_s, then)
    ]


def _rails(device: Device, info: DeviceInfo, serial: Optional[str]) -> Dict[str, Dict[str, Any]]:
    """What is stored of rails beside the total: none can be named without a read, so by file."""
    own = store.sensor(info, serial or store.machine_serial())
    return {
        each["sensor"]["rail"]: each["facts"]
        for each in store.listed()
        if "facts" in each
        and dict(each["sensor"], rail=None) == dict(own, rail=None)
        and each["sensor"]["rail"] not in (None, info.rail)
        and each["facts"].get("gain")
    }
