"""Power over time: saved with every run, integrated over any window, playable as a device."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.energy import integrate

SCHEMA = 1
# Formats: 1 = {"schema", "rail", "times_s", "watts"}; times on a monotonic clock, non-decreasing.


class PowerTrace(NamedTuple):
    """Monotonic `times_s` [n] in seconds and `watts` [n] of one rail.

    Two samples at one time are a jump: a counter's mean powers are kept as such steps.
    """

    times_s: Sequence[float]
    watts: Sequence[float]
    rail: Optional[str] = None

    def joules(self, start_s: float, end_s: float) -> Optional[float]:
        """Energy under the trace between two monotonic times, in joules.

        Trapezoids, the ends interpolated. None if the trace does not cover the window: too
        little is not zero.
        """
        if not self.times_s or start_s < self.times_s[0] or end_s > self.times_s[-1]:
            return None
        return integrate.trapezoid(*integrate.cut(self.times_s, self.watts, start_s, end_s))

    def to_json(self) -> str:
        """A JSON document; microseconds and tenths of a milliwatt are kept."""
        return (
            json.dumps(
                {
                    "schema": SCHEMA,
                    "rail": self.rail,
                    # a read takes tens of microseconds, and a register's step is 1 mW at least
                    "times_s": [round(t, 6) for t in self.times_s],
                    "watts": [round(w, 4) for w in self.watts],
                }
            )
            + "\n"
        )

    @classmethod
    def from_json(cls, text: str) -> "PowerTrace":
        """The trace of a JSON document.

        Raises:
            ValueError: it is no trace, or its times run backwards.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(
                "power trace: asked for schema {!r}, found {!r}; record it again "
                "or use a newer edgejoule".format(SCHEMA, _schema(data))
            )
        times, watts = _columns(data)
        return cls(tuple(times), tuple(watts), data.get("rail"))


def _schema(data: Any) -> Any:
    return data.get("schema") if isinstance(data, dict) else type(data).__name__


def _columns(data: Dict[str, Any]) -> Tuple[List[float], List[float]]:
    """Times and watts [n] of a document.

    Raises:
        ValueError: they are no lists of one length, or the times run backwards.
    """
    times, watts = data.get("times_s"), data.get("watts")
    if not isinstance(times, list) or not isinstance(watts, list) or len(times) != len(watts):
        raise ValueError("power trace: 'times_s' and 'watts' must be lists of one length")
    if any(late < early for early, late in zip(times, times[1:])):
        raise ValueError("power trace: 'times_s' runs backwards; sort it by time")
    return times, watts
