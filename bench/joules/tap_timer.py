"""Joules of every round of pytest-benchmark, from a timer that remembers when it was asked.

The runner asks its timer exactly twice a round, and the measured rounds come last, after those
of calibration and warm-up: so the last 2 x rounds moments are the edges of the rounds, and a
meter that sampled meanwhile gives the joules between them. Nothing of pytest-benchmark is
subclassed. Work queued on a GPU is waited for at each edge.
"""

import sys
from array import array
from statistics import median
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading

SPACING_S = 0.01  # edges closer than this need no sample of their own
UPDATES = 20  # of the sensor that a round must last
NO_SENSOR = "no power sensor: "
WAY_OUT = "without a sensor judge seconds: --joules-compare-fail seconds:30%, also to bless"
BELIEVED = ("ok", "wide", "too_short")  # a reading under 5 s is right, its bar is wide


class Tap:
    """A timer: shows what `timer` shows, in seconds, and keeps the moment on the meter's clock."""

    def __init__(self, timer: Callable[[], float], meter: Meter):
        self.timer, self._meter = timer, meter
        self.__name__ = "{}+joules".format(getattr(timer, "__name__", "timer"))
        self.forget()

    def forget(self) -> None:
        """Begins a new test."""
        self.shown, self.moments = array("d"), array("d")

    def __call__(self) -> float:
        """What the timer shows now, in seconds."""
        _finish_queued_work()
        shown, moment = self.timer(), self._meter.clock.now()
        if not self.moments or moment - self.moments[-1] > SPACING_S:
            self._meter.edge()
        self.shown.append(shown)
        self.moments.append(moment)
        return shown


class Taken(NamedTuple):
    """What one benchmark cost per call: one value per round [n] in joules, seconds and watts.

    Joules and watts are None unless `status` is "ok"; `reason` then says why. Of the rounds
    [n] those in which the sensor failed are left out of joules and watts.
    """

    status: str
    reason: Optional[str]
    source: str
    seconds: List[float]
    joules: Optional[List[float]] = None
    watts: Optional[List[float]] = None
    uncertainty_joules: Optional[float] = None
    flops: Optional[float] = None

    @property
    def flops_per_joule(self) -> Optional[float]:
        """FLOPs of a call over its median joules."""
        return self.flops / median(self.joules) if self.flops and self.joules else None

    def account(self) -> Dict:
        """What goes into a benchmark's extra_info."""
        return {
            "joules": self.joules,
            "watts": median(self.watts) if self.watts else None,
            "flops": self.flops,
            "flops_per_joule": self.flops_per_joule,
            "uncertainty_joules": self.uncertainty_joules,
            "joules_status": self.status,
            "joules_reason": self.reason,
            "joules_source": self.source,
        }


def taken(tap: Tap, stats: Any, meter: Meter, flops: Optional[float] = None) -> Taken:
    """What a benchmark cost, from pytest-benchmark's statistics and the taps during it."""
    if stats is None or not stats.stats.data:
        return Taken("none", "the benchmark was not run", "none", [])
    seconds, calls = list(stats.stats.data), stats.iterations
    spans = _spans(tap, seconds, calls)
    reason = _reason(meter.info, [end - start for start, end in spans], calls)
    if reason:
        status = "none" if meter.info.reason else "invalid"
        return Taken(status, reason, "none", seconds, flops=flops)
    return _judged([meter.between(*span) for span in spans], seconds, calls, flops)


def summary(values: List[float]) -> Dict[str, Any]:
    """Statistics of a list under pytest-benchmark's names."""
    ordered, mean = sorted(values), sum(values) / len(values)
    square = sum((value - mean) ** 2 for value in values)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "median": median(ordered),
        "stddev": (square / (len(values) - 1)) ** 0.5 if len(values) > 1 else 0.0,
        "rounds": len(values),
        "total": sum(values),
        "data": list(values),
    }


def needed_seconds(info: DeviceInfo) -> float:
    """Seconds that a round must last for this sensor to tell rounds apart."""
    return UPDATES * max(info.update_s or 0.0, info.period_s or 0.0)


def _spans(tap: Tap, seconds: List[float], calls: int) -> List[Tuple[float, float]]:
    """(start, end) of the measured rounds on the meter's clock."""
    shown, moments = tap.shown[-2 * len(seconds) :], tap.moments[-2 * len(seconds) :]
    rounds = [(end - start) / calls for start, end in zip(shown[::2], shown[1::2])]
    assert rounds == seconds, "the last taps are not the measured rounds"
    return list(zip(moments[::2], moments[1::2]))


def _reason(info: DeviceInfo, lengths: List[float], calls: int) -> Optional[str]:
    """Why rounds of these lengths [s] have no joules; None if they may have."""
    least, shortest = needed_seconds(info), min(lengths)
    if info.reason:
        return NO_SENSOR + info.reason
    if shortest < least:
        return (
            "rounds of {:.3g} s are too short for this sensor, which needs {:.3g} s ({} "
            "updates); use joules_benchmark.pedantic(..., rounds=8, iterations={})".format(
                shortest, least, UPDATES, int(1.2 * least * calls / shortest) + 1
            )
        )
    return None


def _judged(
    readings: List[Reading], seconds: List[float], calls: int, flops: Optional[float]
) -> Taken:
    """What the rounds cost, less those in which the sensor failed."""
    good = [each for each in readings if _is_believed(each)]
    bad = [each for each in readings if not _is_believed(each)]
    left_out = (
        "{} of {} rounds not measured ({}: {})".format(
            len(bad), len(readings), bad[0].status, bad[0].reason
        )
        if bad
        else None
    )
    if len(bad) >= len(good):  # what is left may be a lucky half
        return Taken("invalid", left_out, "none", seconds, flops=flops)
    bars = [each.uncertainty_joules for each in good if each.uncertainty_joules is not None]
    return Taken(
        "ok",
        left_out,
        good[0].source,
        seconds,
        [joules / calls for joules in _joules(good)],
        [joules / each.seconds for joules, each in zip(_joules(good), good)],
        median(bars) / calls if bars else None,
        flops,
    )


def _is_believed(reading: Reading) -> bool:
    return reading.joules is not None and reading.status in BELIEVED


def _joules(readings: Sequence[Reading]) -> List[float]:
    return [each.joules for each in readings if each.joules is not None]


def _finish_queued_work() -> None:
    """Waits for the GPU, if this process uses one; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        torch.cuda.synchronize()
