"""What the runs of a series say together: spreads, what all of them share, what is too short."""

from math import ceil, sqrt
from statistics import mean
from typing import Any, Dict, Iterable, Optional, Sequence

from edgejoule.devices import idle, repeats
from edgejoule.devices.idle import Baseline
from edgejoule.devices.measuring.measured_runs import Run
from edgejoule.devices.reading import DeviceInfo, Reading

UNBELIEVABLE = ("invalid", "none")  # joules of such a reading count in no mean


def summary(
    runs: Sequence[Run], rest: Optional[Baseline], info: DeviceInfo, least_s: float
) -> Dict[str, Any]:
    """Spreads of the runs' joules, seconds, watts and net joules, as plain JSON.

    A spread is None where no run has the value. `common_joules` is the half-width of what all
    runs share, the sensor's scale and zero, which no spread shows; `least_s` what the sensor
    needs, `enough_runs` how many such runs take that long.
    """
    readings = [run.reading for run in runs]
    known = [each for each in readings if believable(each)]
    seconds = [each.seconds for each in readings]
    total_s = sum(seconds)
    return {
        "counted": len(runs),
        "joules": _spread(each.joules for each in known),
        "seconds": _spread(seconds),
        "watts": _spread(each.joules / each.seconds for each in known if each.joules is not None),
        "net_joules": _spread(
            split.net for split in (idle.shares(r, rest) for r in known) if split
        ),
        "common_joules": _common(known),
        "rest_joules": _rest_joules(known, rest, info),
        "rails": _rails(known),
        "least_s": least_s,
        "enough_runs": runs_for(least_s, total_s / len(seconds)) if total_s > 0 else None,
    }


def believable(reading: Reading) -> bool:
    """True if its joules may go into a mean."""
    return reading.joules is not None and reading.status not in UNBELIEVABLE


def runs_for(least_s: float, seconds: float) -> int:
    """How many runs of so many seconds a sensor needs; at least 2, of one there is no spread."""
    return max(int(ceil(least_s / seconds)), 2)


def _spread(values: Iterable[Optional[float]]) -> Optional[Dict[str, Any]]:
    found = repeats.spread([value for value in values if value is not None])
    return None if found is None else dict(found._asdict())


def _common(readings: Sequence[Reading]) -> Optional[float]:
    """Half-width in joules of what is wrong with all readings alike: the mean of theirs."""
    known = [
        sqrt(max(r.uncertainty_joules**2 - r.repeatability_joules**2, 0.0))
        for r in readings
        if r.uncertainty_joules is not None and r.repeatability_joules is not None
    ]
    return mean(known) if known else None


def _rest_joules(
    readings: Sequence[Reading], rest: Optional[Baseline], info: DeviceInfo
) -> Optional[Dict[str, Optional[float]]]:
    """Mean joules at rest of a run, and half of their 95 % interval."""
    splits = [split for split in (idle.shares(r, rest, info) for r in readings) if split]
    bars = [split.idle_uncertainty_joules for split in splits]
    known = [bar for bar in bars if bar is not None]
    if not splits:
        return None
    return {
        "mean": mean(split.idle for split in splits),
        # not by the root of n: whatever is wrong with the rest is wrong with every run alike
        "uncertainty": mean(known) if len(known) == len(bars) else None,
    }


def _rails(readings: Sequence[Reading]) -> Dict[str, Optional[float]]:
    """Mean joules by rail; None of a rail that some reading lacks."""
    names = dict.fromkeys(name for reading in readings for name in reading.rails)
    return {
        name: mean(r.rails[name] for r in readings)
        if all(r.rails.get(name) is not None for r in readings)
        else None
        for name in names
    }
