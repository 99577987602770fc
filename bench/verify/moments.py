"""Seconds: a phase's are its end less its beginning less its evaluations; epochs lie inside it."""

from datetime import datetime
from typing import Any, Dict, List, Optional

from edgejoule.bench import records
from edgejoule.bench.verify.evidence import TRACE, Evidence
from edgejoule.bench.verify.outcome import Outcome

TICK = 1e-6  # s: moments of a machine that has run for years keep this much
CALENDAR_S = 2.0  # moments of the calendar are whole seconds, and the run is a little longer
RESUMED = "taken over from an earlier attempt, on another clock"


def check(found: Evidence, outcome: Outcome) -> None:
    """Phases against their moments and epochs, epochs against each other, all against the trace."""
    record = found.record
    outcome.same(
        "number of epochs",
        len(record.epochs),
        sum(max(phase["epochs"], 0) for phase in record.phases),
        "epochs of the phases",
    )
    for number, epoch in enumerate(record.epochs):
        outcome.same("epochs[{}].epoch".format(number), epoch["epoch"], number, "counted from 0")
    for number, phase in enumerate(record.phases):
        _phase("phases[{}]".format(number), phase, found.epochs_of(number), outcome)
    _order(found, outcome)
    _surroundings(found, outcome)


def _phase(
    what: str, phase: Dict[str, Any], epochs: List[Dict[str, Any]], outcome: Outcome
) -> None:
    outcome.same(
        what + ".epochs", [e["phase"] for e in epochs], [phase["name"]] * phase["epochs"], "epochs"
    )
    _parts(what, phase, epochs, outcome)
    if phase.get("start_s") is None or phase.get("end_s") is None:
        outcome.skip("seconds of phase {}".format(phase["name"]), RESUMED)
        return
    length = phase["end_s"] - phase["start_s"]
    told = length - phase["evaluation_seconds"]
    outcome.near(what + ".seconds", phase["seconds"], told, "end less start less evaluations", TICK)
    moments = [phase["start_s"]]
    for epoch in epochs:
        if epoch.get("start_s") is not None:
            moments += [epoch["start_s"], epoch["start_s"] + epoch["seconds"]]
            moments.append(moments[-1] + epoch["evaluation_seconds"])
    moments.append(phase["end_s"])
    for place, (early, late) in enumerate(zip(moments, moments[1:])):
        outcome.within(
            "{} moment {}".format(what, place + 1), late, early, None, "the moment before it", TICK
        )


def _parts(
    what: str, phase: Dict[str, Any], epochs: List[Dict[str, Any]], outcome: Outcome
) -> None:
    """A phase is its epochs, their evaluations, and what the recipe did besides."""
    spent = sum(epoch["seconds"] for epoch in epochs)
    outcome.within(what + ".seconds", phase["seconds"], spent, None, "sum of its epochs", TICK)
    told = sum(epoch["evaluation_seconds"] for epoch in epochs)
    outcome.near(
        what + ".evaluation_seconds", phase["evaluation_seconds"], told, "sum of its epochs", TICK
    )
    known = [epoch["evaluation_joules"] for epoch in epochs]
    stored = phase["evaluation_joules"]
    if not known or None in known:
        outcome.same(what + ".evaluation_joules", stored, None, "its epochs")
    else:
        outcome.near(what + ".evaluation_joules", stored, sum(known), "sum of its epochs")


def _order(found: Evidence, outcome: Outcome) -> None:
    """One phase ends before the next begins, and power was sampled all the while."""
    dated = [phase for phase in found.record.phases if phase.get("end_s") is not None]
    for early, late in zip(dated, dated[1:]):
        what = "start of phase " + late["name"]
        outcome.within(what, late["start_s"], early["end_s"], None, "end of the one before", TICK)
    if dated and found.trace is not None and found.trace.times_s:
        outcome.within(
            "start of phase " + dated[0]["name"],
            dated[0]["start_s"],
            found.trace.times_s[0] - _longest(found),
            found.trace.times_s[-1],
            "the span of " + TRACE,
        )


def _longest(found: Evidence) -> float:
    """Seconds of the longest gap between samples: a sensor may say nothing for so long."""
    times = found.trace.times_s if found.trace else ()
    return max((late - early for early, late in zip(times, times[1:])), default=0.0)


def _surroundings(found: Evidence, outcome: Outcome) -> None:
    """The machine stayed up, and was up for at least as long as power was sampled."""
    before, after = (found.record.environment.get(name) or {} for name in ("before", "after"))
    outcome.same(
        "boot_id", after.get("boot_id"), before.get("boot_id"), "the same before the run and after"
    )
    up = _difference(after.get("uptime_s"), before.get("uptime_s"))
    times = found.trace.times_s if found.trace else ()
    if up is not None and times:
        outcome.within(
            "uptime_s after less before", up, times[-1] - times[0], None, "span of " + TRACE, 0.02
        )
    _clocks(found, up, outcome)
    for name, meter in (found.record.environment.get("meter") or {}).items():
        what = "environment.meter.{}.".format(name)
        if meter["core_share"] is not None:
            outcome.within(what + "core_share", meter["core_share"], 0, 1, "shares of one core")
        outcome.within(what + "samples", meter["samples"], 0, meter["reads"], "reads")
        if times:
            outcome.within(
                what + "seconds", meter["seconds"], times[-1] - times[0], up, "the trace", 0.02
            )


def _clocks(found: Evidence, up: Optional[float], outcome: Outcome) -> None:
    """As much time passed by the calendar as by the machine, which was up all the while."""
    try:
        began, ended = (
            datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
            for text in (found.record.started_utc, found.record.finished_utc)
        )
    except ValueError:
        outcome.skip("started_utc and finished_utc", "they are no moments as this version has them")
        return
    passed = (ended - began).total_seconds()
    spent = sum(phase["seconds"] + phase["evaluation_seconds"] for phase in found.record.phases)
    how = "finished_utc less started_utc; was the clock set meanwhile?"
    if not records.taken_over(found.record):
        outcome.within("seconds of all phases", spent, 0, passed, how, CALENDAR_S)
    if up is not None:
        # the weights are written after the machine was looked at: there is no lower bound
        outcome.within("uptime_s after less before", up, 0, passed, how, CALENDAR_S)


def _difference(late: Any, early: Any) -> Optional[float]:
    numbers = all(isinstance(each, (int, float)) for each in (late, early))
    return late - early if numbers else None
