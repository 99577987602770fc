"""What a second sensor of the same power says beside the first, and whether the two agree."""

from typing import List, Optional, Sequence, Tuple

from edgejoule.devices.reading import DeviceInfo, Reading

SCOPE = "witness"  # of what is recorded beside the joules and never added to them


def apart(
    pairs: Sequence[Tuple[DeviceInfo, Reading]],
) -> Tuple[List[Tuple[DeviceInfo, Reading]], List[Tuple[DeviceInfo, Reading]]]:
    """(those that make the joules, the witnesses) of [(DeviceInfo, Reading)]."""
    own = [pair for pair in pairs if pair[0].scope != SCOPE]
    return own, [pair for pair in pairs if pair[0].scope == SCOPE]


def heard(reading: Reading, witnesses: Sequence[Tuple[DeviceInfo, Reading]]) -> Reading:
    """The reading with every witness's joules as a rail, and a sentence if the two differ."""
    rails, reasons = dict(reading.rails), [reading.reason]
    for info, other in witnesses:
        if other.joules is not None:
            rails["{} {}".format(info.adapter, info.rail)] = other.joules
        reasons.append(_sentence(reading, info, other))
    return reading._replace(rails=rails, reason="; ".join(filter(None, reasons)) or None)


class Tally:
    """How often witnesses and joules did not agree, over all windows of a meter."""

    def __init__(self) -> None:
        self._windows, self._apart, self._most = 0, 0, 0.0
        self._who = ""

    def add(self, pairs: Sequence[Tuple[DeviceInfo, Reading]], reading: Reading) -> None:
        """Count one window: its [(DeviceInfo, Reading)] and what became of them."""
        for info, other in apart(pairs)[1]:
            self._windows += 1
            joules = _apart_joules(reading, other)
            if joules is not None and reading.joules:
                self._apart += 1
                self._who = info.adapter
                self._most = max(self._most, joules / reading.joules, key=abs)

    def sentences(self) -> List[str]:
        """One sentence if they ever differed by more than both error bars, else none."""
        if not self._apart:
            return []
        return [
            "{} beside it differed by more than both error bars in {} of {} windows, by {:+.1%} "
            "at most: calibrate, or see what else one of them feeds".format(
                self._who, self._apart, self._windows, self._most
            )
        ]


def _sentence(reading: Reading, info: DeviceInfo, other: Reading) -> Optional[str]:
    if other.joules is None:
        return "{} beside it measured nothing: {}".format(info.adapter, other.reason)
    if _apart_joules(reading, other) is None:
        return None
    return (
        "{} beside it says {:.4g} J in place of {:.4g} J, further apart than both error bars "
        "({:.2g} J together)".format(
            info.adapter, other.joules, reading.joules or 0.0, _bars(reading, other)
        )
    )


def _apart_joules(reading: Reading, other: Reading) -> Optional[float]:
    """By how much the witness is above, if the two bars do not touch; else None."""
    if reading.joules is None or other.joules is None:
        return None
    apart_joules = other.joules - reading.joules
    return apart_joules if abs(apart_joules) > _bars(reading, other) else None


def _bars(reading: Reading, other: Reading) -> float:
    """Both error bars in joules, added and not as the root of squares: errors may be common.

    Infinite if one of them is not told, as of an estimate.
    """
    bars = (reading.uncertainty_joules, other.uncertainty_joules)
    return sum(float("inf") if bar is None else bar for bar in bars)
