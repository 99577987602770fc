"""What a sensor shows turned back into the power and the energy behind it."""

from typing import Any, Dict, Optional, Tuple


class Line:
    """Watts as the sensor says them to watts as they are: gain x power + offset, turned round."""

    def __init__(self, facts: Dict[str, Any]):
        self.gain = facts["gain"]["value"] if facts.get("gain") else 1.0
        self.offset_watts = facts["offset_watts"]["value"] if facts.get("offset_watts") else 0.0

    def watts(self, shown: float) -> float:
        """The power behind what the sensor shows."""
        return (shown - self.offset_watts) / self.gain


class Counter:
    """Joules so far, corrected; they move when the sensor's do, or ticks would be seen in them."""

    def __init__(self, line: Line):
        self._line = line
        self._begun_s: Optional[float] = None
        self._last: Optional[Tuple[float, float, float]] = None  # moment, shown, corrected

    def joules(self, shown: float, moment_s: float) -> Tuple[float, Optional[float]]:
        """(joules that were drawn, mean watts since the counter last moved, None if it stands)."""
        if self._begun_s is None:
            self._begun_s = moment_s
        if self._last is not None and self._last[1] == shown:
            return self._last[2], None
        offset_joules = self._line.offset_watts * (moment_s - self._begun_s)
        joules = (shown - offset_joules) / self._line.gain
        watts = None
        if self._last is not None and moment_s > self._last[0]:
            watts = (joules - self._last[2]) / (moment_s - self._last[0])
        self._last = (moment_s, shown, joules)
        return joules, watts


def sentence(facts: Dict[str, Any]) -> Optional[str]:
    """What was calibrated, how well, against what, when, and for which powers; None if nothing."""
    parts = [_gain(facts["gain"])] if facts.get("gain") else []
    if facts.get("offset_watts"):
        parts.append("offset {:.2f} W".format(facts["offset_watts"]["value"]))
    for name, word in (("lag_s", "lag"), ("update_s", "new every"), ("window_s", "sees")):
        if facts.get(name):
            parts.append("{} {:.3g} s".format(word, facts[name]["value"]))
    if not parts:
        return None
    parts.append(_origin(facts))
    if facts.get("range_watts") and facts.get("gain"):
        parts.append("{:.3g} to {:.3g} W".format(*facts["range_watts"]))
    return ", ".join(part for part in parts if part)


def _gain(gain: Dict[str, Any]) -> str:
    return "gain {value:.3f} ({low:.3f} to {high:.3f})".format(**gain)


def _origin(facts: Dict[str, Any]) -> str:
    words = ["against " + facts["against"]] if facts.get("against") else []
    words += ["by " + facts["by"]] if facts.get("by") and not words else []
    return ", ".join(words + ([facts["found"]] if facts.get("found") else []))
