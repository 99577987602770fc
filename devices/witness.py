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


def _sentence(reading: Reading, info: DeviceInfo, other: Reading) -> Optional[str]:
    if other.joules is None:
        return "{} beside it measured nothing: {}".format(info.adapter, other.reason)
    if reading.joules is None:
        return None
    # the bars' own sum and not the root of their squares: two bars that do not touch
    bars = [reading.uncertainty_joules, other.uncertainty_joules]
    known = [bar for bar in bars if bar is not None]
    apart_joules = other.joules - reading.joules
    if len(known) < 2 or abs(apart_joules) <= sum(known):
        return None
    return (
        "{} beside it says {:.4g} J, {:+.1%} and more than both error bars ({:.2g} and {:.2g} J) "
        "apart: calibrate, or see what else one of them feeds".format(
            info.adapter, other.joules, _ratio(apart_joules, reading.joules), *known
        )
    )


def _ratio(apart_joules: float, joules: float) -> float:
    return apart_joules / joules if joules else float("inf")
