"""Looks added up into metrics: gauges of now, and counters that only ever grow."""

from typing import Dict, List, Optional

from edgejoule.devices.exports.openmetrics import Family, Sample
from edgejoule.devices.live.looks import Look
from edgejoule.devices.reading import DeviceInfo

WATTS = "Mean power since the look before. The rail of edgejoule_sensor_info is the whole."
JOULES = "Energy of the time watched, by rail; a stretch without a good reading adds nothing."
CELSIUS = "Temperature of a thermal zone."
UP = "1 if the last look measured, 0 if the sensor failed."
WATCHED = "Time that was looked at, whether it was measured or not."
GAP = "Time that was looked at and not measured; no joules were counted in it."
SENSOR = "What is read: adapter, board, rail and scope; fake names a power that is not real."


class Totals:
    """Sums over all looks since watching began."""

    def __init__(self, info: DeviceInfo):
        self._info = info
        self._whole = info.rail or "total"
        self._joules: Dict[str, float] = {}
        self._watched = self._gap = 0.0
        self._look: Optional[Look] = None

    def add(self, look: Look) -> None:
        """Count a look: its joules if it measured, its length as a gap if it did not."""
        self._look = look
        self._watched += look.span_s
        if not look.measured():
            self._gap += look.span_s
        for rail, watts in self._watts().items():
            # a counter must not fall, and a rail at rest may read a little below nothing
            self._joules[rail] = self._joules.get(rail, 0.0) + max(watts, 0.0) * look.span_s

    def families(self) -> List[Family]:
        """The metrics of now; before the first look only what is read."""
        found = [Family("edgejoule_sensor", "info", SENSOR, "", [Sample(self._sensor(), 1)])]
        if self._look is None:
            return found
        celsius, rails = self._look.celsius, self._watts()
        up = [Sample({}, int(self._look.measured()))]
        return found + [
            Family("edgejoule_sensor_up", "gauge", UP, "", up),
            Family("edgejoule_watts", "gauge", WATTS, "watts", _by("rail", rails)),
            Family("edgejoule_joules", "counter", JOULES, "joules", _by("rail", self._joules)),
            Family(
                "edgejoule_temperature_celsius", "gauge", CELSIUS, "celsius", _by("zone", celsius)
            ),
            Family(
                "edgejoule_watched_seconds",
                "counter",
                WATCHED,
                "seconds",
                [Sample({}, self._watched)],
            ),
            Family("edgejoule_gap_seconds", "counter", GAP, "seconds", [Sample({}, self._gap)]),
        ]

    def _watts(self) -> Dict[str, float]:
        """{rail: watts} of the last look, the whole first; {} if it did not measure."""
        look = self._look
        if look is None or look.watts is None or not look.measured():
            return {}
        # the whole last: of one that is listed among its own rails, its total is the one meant
        return dict({self._whole: look.watts}, **dict(look.rails, **{self._whole: look.watts}))

    def _sensor(self) -> Dict[str, Optional[str]]:
        info = self._info
        return {
            "adapter": info.adapter,
            "board": info.name,
            "rail": self._whole,
            "scope": info.scope,
            "power_mode": info.power_mode,
            "fake": info.fake,
        }


def _by(label: str, values: Dict[str, float]) -> List[Sample]:
    return [Sample({label: name}, value) for name, value in values.items()]
