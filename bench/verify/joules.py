"""Joules and watts: every window's energy again, as the area under the trace that was kept.

The trace holds the joules of the readings up to its own resolution, and the tolerance is that
resolution, term by term (`tolerance`). Nothing else is forgiven.
"""

from bisect import bisect_left
from math import hypot, sqrt
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from edgejoule.bench.verify.evidence import TRACE, Evidence
from edgejoule.bench.verify.outcome import Outcome
from edgejoule.devices.energy import integrate
from edgejoule.devices.energy.record import GAP_PERIODS
from edgejoule.devices.energy.window import minimum_seconds
from edgejoule.devices.reading import STATUSES, DeviceInfo
from edgejoule.devices.trace import PowerTrace

HALF_DIGIT_W, HALF_DIGIT_S = 0.5e-4, 0.5e-6  # as `PowerTrace.to_json` rounds
NEIGHBOURS = 3  # samples on either side of an edge that its interpolation may lean on
SPREAD = 3.0  # standard deviations of what uneven strata move from sample to sample
SEVERAL = "+"  # in the name of an adapter that adds several sensors


class Area(NamedTuple):
    """A window again: its joules, how far they may be off, the least and most watts in it."""

    joules: float
    tolerance: float
    low_watts: float
    high_watts: float


def check(found: Evidence, outcome: Outcome) -> None:
    """Every joule of epochs, evaluations and phases against the trace; what statuses promise."""
    record, device = found.record, found.record.device
    _statuses(found, outcome)
    if found.trace is None or not found.trace.times_s:
        outcome.skip("joules", "there are no samples to derive them from")
        _nothing(found, outcome)
        return
    limits = Limits(found.trace, device, record.case.get("measure") or {})
    for number, phase in enumerate(record.phases):
        _phase("phases[{}]".format(number), phase, found.epochs_of(number), limits, outcome)
    for number, epoch in enumerate(record.epochs):
        if epoch.get("start_s") is None:
            outcome.skip("joules of epoch {}".format(number), "the record does not date it")
            continue
        what, end_s = "epochs[{}]".format(number), epoch["start_s"] + epoch["seconds"]
        area = limits.area(epoch["start_s"], end_s)
        _window(what + ".joules", epoch["joules"], area, outcome)
        _bar(what, epoch, epoch["joules"], epoch["seconds"], area, device, outcome)
        _evaluation(what, epoch, limits, outcome)


class Limits:
    """Areas under one trace, with the tolerance that its resolution asks for."""

    def __init__(self, trace: PowerTrace, device: Dict[str, Any], measure: Dict[str, Any]) -> None:
        self.trace = trace
        self.lag_s = device.get("lag_s") or 0.0
        period_s = measure.get("period_s") or device.get("period_s") or 0.1
        self.gap_s = GAP_PERIODS * max(period_s, device.get("update_s") or 0.0)

    def area(self, start_s: float, end_s: float) -> Optional[Area]:
        """The energy between two moments; None if the trace covers less than half of them."""
        times, watts = self.trace.times_s, self.trace.watts
        covered = min(end_s, times[-1]) - max(start_s, times[0])
        if end_s <= start_s or covered < 0.5 * (end_s - start_s):
            return None
        inside_t, inside_w = integrate.cut(times, watts, start_s, end_s)
        straight = integrate.trapezoid(inside_t, inside_w)
        filled = integrate.area(times, watts, start_s, end_s, self.gap_s).joules
        lag = integrate.lag_joules(inside_w[0], inside_w[-1], self.lag_s)
        near = inside_w + self._near(start_s)[1] + self._near(end_s)[1]
        margin = self.tolerance(start_s, end_s, inside_t, inside_w) + abs(filled - straight)
        return Area(filled + lag, margin, min(near), max(near))

    def tolerance(
        self, start_s: float, end_s: float, times: Sequence[float], watts: Sequence[float]
    ) -> float:
        """Joules by which a reading may differ from the area under its own trace.

        Rounded digits; at each edge what the samples round it leave open (of a counter also when
        its tick was), and what the lag's correction takes from them; where samples are unevenly
        far apart, that each stood for its own stretch of time and not for the straight line to
        the next.
        """
        rounding = HALF_DIGIT_W * (end_s - start_s) + 4 * HALF_DIGIT_S * max(map(abs, watts))
        edges = sum(self._edge(moment) for moment in (start_s, end_s))
        spans = [b - a for a, b in zip(times, times[1:])]
        if 0.0 in spans[1:-1]:  # a counter's steps: the means between its ticks are exact
            return rounding + edges
        jumps = [b - a for a, b in zip(watts, watts[1:])]
        moved = [(jump * (b - a) / 2) ** 2 for jump, a, b in zip(jumps[1:], spans, spans[1:])]
        return rounding + edges + SPREAD * sqrt(sum(moved)) / 2

    def _edge(self, moment_s: float) -> float:
        times, watts = self._near(moment_s)
        apart = max(watts) - min(watts)
        beyond = max(times[0] - moment_s, moment_s - times[-1], 0.0)
        spans = [b - a for a, b in zip(times, times[1:])]
        span = max(spans, default=0.0)
        if 0.0 in spans:  # a counter's tick is as late as it was read, at whatever power
            apart += max(map(abs, watts))
        return apart * (span / 2 + beyond + self.lag_s)

    def _near(self, moment_s: float) -> Sequence[List[float]]:
        """(times, watts) of the samples round a moment."""
        times, watts = self.trace.times_s, self.trace.watts
        place = min(max(bisect_left(times, moment_s), 1), len(times))
        first, last = max(place - NEIGHBOURS, 0), place + NEIGHBOURS
        return list(times[first:last]), list(watts[first:last])


def _phase(
    what: str,
    phase: Dict[str, Any],
    epochs: List[Dict[str, Any]],
    limits: Limits,
    outcome: Outcome,
) -> None:
    """The whole window of a phase, evaluations included, and what its epochs leave of it."""
    if phase.get("start_s") is None or phase.get("end_s") is None:
        outcome.skip("joules of phase {}".format(phase["name"]), "the record does not date it")
        return
    area = limits.area(phase["start_s"], phase["end_s"])
    whole = phase["joules"]
    if whole is not None and phase["evaluation_joules"] is not None:
        whole += phase["evaluation_joules"]
    _window(what + ".joules", whole, area, outcome)
    device_seconds = phase["end_s"] - phase["start_s"]
    _bar(what, phase, whole, device_seconds, area, {}, outcome)
    known = [epoch["joules"] for epoch in epochs]
    if area is None or phase["joules"] is None or None in known:
        return
    rest = phase["seconds"] - sum(epoch["seconds"] for epoch in epochs)
    margin = area.tolerance * (1 + sqrt(len(known)))
    outcome.within(
        what + ".joules less its epochs'",
        phase["joules"] - sum(known),
        min(area.low_watts, 0.0) * rest,
        area.high_watts * rest,
        "the seconds between its epochs at no more watts than {} has".format(TRACE),
        margin,
    )


def _window(what: str, stored: Any, area: Optional[Area], outcome: Outcome) -> None:
    if area is None:
        outcome.skip(what, "{} covers less than half of its window".format(TRACE))
    elif stored is None:
        outcome.skip(what, "they were not measured")
    else:
        how = "area under {} to its own resolution".format(TRACE)
        outcome.near(what, stored, area.joules, how, area.tolerance)


def _evaluation(what: str, epoch: Dict[str, Any], limits: Limits, outcome: Outcome) -> None:
    """An evaluation begins soon after its epoch; at which moment, no record says."""
    stored, seconds = epoch["evaluation_joules"], epoch["evaluation_seconds"]
    begun = epoch["start_s"] + epoch["seconds"]
    area = limits.area(begun, begun + max(2 * seconds, seconds + limits.gap_s))
    if stored is None or area is None:
        return
    outcome.within(
        what + ".evaluation_joules",
        stored,
        min(area.low_watts, 0.0) if area.low_watts < 0 else area.low_watts * seconds,
        area.high_watts * seconds,
        "its seconds at the watts of {} then".format(TRACE),
        area.tolerance,
    )


def _bar(
    what: str,
    part: Dict[str, Any],
    joules: Any,
    seconds: float,
    area: Optional[Area],
    device: Dict[str, Any],
    outcome: Outcome,
) -> None:
    """An error bar holds the sensor's scale and zero at least, and the whole value at most."""
    bar = part.get("uncertainty_joules")
    if bar is None or joules is None:
        return
    outcome.skip("error bars", "bounded only: the scatter of the samples is not kept")
    gain, offset = device.get("gain") or 0.0, device.get("offset_watts") or 0.0
    most = None if area is None else 2 * max(abs(area.high_watts), abs(area.low_watts)) * seconds
    several = SEVERAL in str(device.get("adapter"))
    least = 0.0 if several else 2 * hypot(gain * joules, offset * seconds)
    outcome.within(
        what + ".uncertainty_joules", bar, least, most, "the sensor's scale, and the value itself"
    )


def _statuses(found: Evidence, outcome: Outcome) -> None:
    """A reading is too short exactly if its window is; one without joules says why."""
    device = found.record.device
    period_s = (found.record.case.get("measure") or {}).get("period_s")
    info = DeviceInfo(**{n: device[n] for n in DeviceInfo._fields if n in device})
    least = None
    if found.ours and period_s and SEVERAL not in info.adapter and info.reason is None:
        least = minimum_seconds(info, period_s)
    for name, parts in (("phases", found.record.phases), ("epochs", found.record.epochs)):
        for number, part in enumerate(parts):
            what = "{}[{}]".format(name, number)
            seconds = part["seconds"]
            if name == "phases":
                seconds += part["evaluation_seconds"]
            _status(what, part, seconds, least, outcome)


def _status(
    what: str, part: Dict[str, Any], seconds: float, least: Optional[float], outcome: Outcome
) -> None:
    status = part["status"]
    outcome.same(what + ".status", status in STATUSES, True, "statuses there are")
    if part["joules"] is None:
        outcome.same(what + ".joules_reason", bool(part["joules_reason"]), True, "why not measured")
    if least is None or status not in ("ok", "wide", "too_short"):
        return
    how = "a window of {:.4g} s, where this sensor needs {:.4g} s".format(seconds, least)
    outcome.same(what + ".status", status == "too_short", seconds < least, how)


def _nothing(found: Evidence, outcome: Outcome) -> None:
    """Without a sensor there are no joules, whatever is written there."""
    if found.trace is None or not found.record.device.get("reason"):
        return
    for number, part in enumerate(found.record.phases + found.record.epochs):
        outcome.same("joules of part {}".format(number), part["joules"], None, "no sensor")
