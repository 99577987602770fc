"""A recorded power trace, or a constant number of watts, played as if it were a sensor.

For development and for numbers on a machine without one. Always labelled: `info().fake` says
what was played, and readings of a constant have the source "estimate".
"""

import io
import os
from statistics import median
from typing import List, Optional, Union

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.energy import integrate
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.trace import PowerTrace

PERIOD_S = 0.1  # that of the boards whose traces are played
ROUNDING = 0.05  # of a period: a recording's samples are never quite even


def present() -> bool:
    """False: it is played only when asked for."""
    return False


def open(
    source: Union[None, float, str, PowerTrace] = None, clock: Clock = MACHINE
) -> Union["Constant", "Player"]:
    """The player of `source`: a number of watts, a trace file, or a `PowerTrace`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(source, PowerTrace):
        return Player(source, "trace", clock)
    watts = _watts(source)
    return Constant(watts) if watts is not None else Player(_load(source), _label(source), clock)


class Constant(Device):
    """The same watts at every read."""

    def __init__(self, watts: float):
        self.watts = watts

    def info(self) -> DeviceInfo:
        """An estimate, labelled as one."""
        return DeviceInfo(
            "replay",
            "no sensor",
            "constant",
            "board",
            period_s=PERIOD_S,
            fake="constant {:g} W".format(self.watts),
            estimate=True,
        )

    def read(self) -> List[Sample]:
        """The watts that the user gave."""
        return [Sample(watts=self.watts)]

    def notes(self) -> List[str]:
        """That nothing was measured."""
        return ["no power was measured: {:g} W was given by hand".format(self.watts)]


class Player(Device):
    """A trace from its first sample on, again from the start when it ends."""

    def __init__(self, trace: PowerTrace, label: str, clock: Clock = MACHINE):
        if len(trace.times_s) < 2 or trace.times_s[-1] <= trace.times_s[0]:
            raise ValueError(
                "{}: a trace needs two samples at two times to be played".format(label)
            )
        self._trace, self._label, self._clock = trace, label, clock
        self._begun = clock.now()
        # A line between samples a period apart holds nothing that a grid of that period misses.
        self._smooth = _spacing(trace) >= (1 - ROUNDING) * PERIOD_S

    def info(self) -> DeviceInfo:
        """The trace that is played, and its rail."""
        return DeviceInfo(
            "replay",
            "recorded trace",
            self._trace.rail,
            "board",
            period_s=PERIOD_S,
            fake=self._label,
            sensing="average" if self._smooth else "instant",
        )

    def read(self) -> List[Sample]:
        """Watts of the trace now, counted from the moment it was opened."""
        now = self._clock.now()
        times = self._trace.times_s
        moment = times[0] + (now - self._begun) % (times[-1] - times[0])
        return [Sample(watts=integrate.at(times, self._trace.watts, moment), time_s=now)]

    def notes(self) -> List[str]:
        """That nothing was measured."""
        return ["no power was measured: {} was played".format(self._label)]


def _spacing(trace: PowerTrace) -> float:
    """Median seconds between samples; the two of a jump, which a counter's trace has, are one."""
    spans = [late - early for early, late in zip(trace.times_s, trace.times_s[1:])]
    return median(span for span in spans if span > 0)


def _watts(source: Union[None, float, str]) -> Optional[float]:
    """The number of watts that the source is; None if it is no number."""
    try:
        watts = float(source)  # type: ignore[arg-type]  # None has no float: caught below
    except (TypeError, ValueError):
        return None
    if not 0.0 < watts < float("inf"):
        raise ValueError("fake power: asked for {!r} W; it must be more than 0".format(watts))
    return watts


def _load(source: Union[None, float, str]) -> PowerTrace:
    try:
        with io.open(str(source), encoding="utf8") as file:
            return PowerTrace.from_json(file.read())
    except OSError as error:
        raise ValueError(
            "fake power: {!r} is neither a number of watts nor a trace file: {}".format(
                source, error
            )
        ) from None
    except ValueError as error:
        raise ValueError("fake power: {}: {}".format(source, error)) from None


def _label(source: object) -> str:
    return "trace " + os.path.basename(str(source))
