"""Looks at a running meter: one after every interval, for as long as somebody wants them."""

from typing import Callable, Dict, Iterator, NamedTuple, Optional

from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import Reading

UNMEASURED = ("invalid", "none")  # statuses of readings whose joules stand for nothing
TOLD = ("invalid", "degraded")  # those whose reason a watcher must see; short looks are meant so
ROUNDING_S = 1e-3  # a rest of time that is no look of its own


class Look(NamedTuple):
    """What passed since the look before: means in watts, the joules, temperatures in Celsius.

    `seconds` is the time since watching began, `span_s` the length of this look; `rails` are
    parts of the watts or what they feed. None is not measured, and `reason` says why.
    """

    seconds: float
    span_s: float
    watts: Optional[float]
    joules: Optional[float]
    rails: Dict[str, float]
    celsius: Dict[str, float]
    status: str
    reason: Optional[str]

    def measured(self) -> bool:
        """True if its joules may be counted."""
        return self.joules is not None and self.status not in UNMEASURED


def looks(
    meter: Meter,
    interval: float,
    seconds: Optional[float],
    celsius: Callable[[], Dict[str, float]],
    pause: Callable[[float], None],
) -> Iterator[Look]:
    """A look every `interval` seconds, the last when `seconds` are over; None is without end.

    `celsius()` reads the thermal zones, `pause(deadline_s)` waits for a moment of the meter's
    clock.
    """
    begun = last = meter.edge()
    end = float("inf") if seconds is None else begun + seconds
    while end - last > ROUNDING_S:
        # From the last look on, not from now: what a look takes must not add up.
        pause(min(last + interval, end))
        now = meter.edge()
        yield _look(meter.between(last, now), now - begun, now - last, celsius())
        last = now


def _look(reading: Reading, seconds: float, span_s: float, celsius: Dict[str, float]) -> Look:
    return Look(
        seconds,
        span_s,
        _per_second(reading.joules, span_s),
        reading.joules,
        {name: joules / span_s for name, joules in reading.rails.items()} if span_s > 0 else {},
        celsius,
        reading.status,
        reading.reason if reading.status in TOLD else None,
    )


def _per_second(joules: Optional[float], seconds: float) -> Optional[float]:
    return None if joules is None or seconds <= 0 else joules / seconds
