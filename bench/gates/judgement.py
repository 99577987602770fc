"""Judges a night by the nights before it and by the blessed one; reads, writes nothing.

Joules lead: they are tested first, over all methods together (Benjamini and Hochberg), and what
seconds and watts did then explains them. Other metrics are tested as a second family. What rings
is a suspect until an A/B of the two commits (`bench.gates.confirm`) confirms or dismisses it; a
suspect is red, a dismissed one is not, and a decision holds for the nights that follow.
"""

import math
from typing import Dict, List, NamedTuple, Tuple

from edgejoule.bench.gates import absences, alarms, carryover, findings, limits, night_series, scan
from edgejoule.bench.history import store

HOLES = ("missing", "not measured", "invalid")
EXPLAINING = ("seconds", "watts")
UNDER_WAY = ("doctor", "cool", "run")  # stages before the gate


class Judgement(NamedTuple):
    """A verdict and what it rests on."""

    verdict: str  # PASS, FAIL, INCONCLUSIVE, INVALID
    findings: List[findings.Finding]
    notes: List[str]
    compared: int  # series with enough nights, or a blessed one, to be judged
    missing: List[str]  # methods that did not run


def judge(history_folder, device: str, suite: str, night=None, thresholds=None) -> Judgement:
    """The verdict on a night, by default the last.

    Raises:
        ValueError: there is no such night, or thresholds or baseline cannot be read.
    """
    thresholds = thresholds or limits.read(suite=suite)
    past = night_series.read(history_folder, device, suite, night)
    gaps = absences.find(past, thresholds)
    judged = _judged(past)
    found = (
        gaps
        if gaps and not gaps[0].label
        else gaps + _work(past) + _changes(past, judged, thresholds)
    )
    missing = [each.label for each in found if each.kind == "missing"]
    return Judgement(
        verdict(found, len(judged)), found, _notes(past, judged, found), len(judged), missing
    )


def verdict(found: List[findings.Finding], compared: int) -> str:
    """FAIL for a regression that was not dismissed; never PASS with a hole or without a past."""
    kinds = {each.kind for each in found if each.confirmed is not False}
    if "invalid" in kinds:
        return "INVALID"
    if carryover.RED in kinds:
        return "FAIL"
    return "INCONCLUSIVE" if kinds & set(HOLES) or not compared else "PASS"


def ring(series: Dict, thresholds) -> Dict[Tuple[str, str], alarms.Alarm]:
    """The alarms that stand of a night's series {(label, metric): (values, blessed place)}.

    Everything statistical is decided here, on plain lists: `gate --simulate` feeds it noise.
    """
    rung = {
        key: alarms.examine(values, thresholds.floors[key[1]], thresholds, blessed)
        for key, (values, blessed) in series.items()
    }
    chances = {key: 1.0 if alarm is None else alarm.chance for key, alarm in rung.items()}
    lead = "joules" if any(metric == "joules" for _, metric in series) else "seconds"
    stand = alarms.significant(
        {key: chance for key, chance in chances.items() if key[1] == lead},
        thresholds.false_discoveries,
    )
    leading = {label for label, _ in stand}
    stand |= {key for key in series if key[0] in leading and key[1] in EXPLAINING}
    rest = {key: chance for key, chance in chances.items() if key[1] != lead and key not in stand}
    stand |= alarms.significant(rest, thresholds.false_discoveries)
    return {
        key: rung[key]
        for key in series
        if key in stand
        and rung[key] is not None
        and (key[1] != "watts" or key[0] in leading or lead != "joules")
    }


def _judged(past) -> Dict:
    """{key: series} of what was measured tonight and has something to be compared with."""
    return {
        key: series
        for key, series in past.series.items()
        if not series.metric.exact
        and series.tonight is not None
        and alarms.enough(series.values(), series.blessed)
    }


def _changes(past, judged, thresholds) -> List[findings.Finding]:
    """What rang tonight, and regressions of earlier nights that nobody mended."""
    stand = ring(
        {key: (series.values(), series.blessed) for key, series in judged.items()}, thresholds
    )
    found = [_finding(past, judged[key], alarm) for key, alarm in sorted(stand.items())]
    found += [
        each
        for key, series in sorted(judged.items())
        if key not in stand
        for each in carryover.unmended(past, series, thresholds)
    ]
    joules = {(each.label, each.kind) for each in found if each.metric == "joules"}
    return [
        each
        for each in found  # faster work draws more watts: no regression
        if each.metric != "watts" or (each.label, each.kind) in joules
    ]


def _finding(past, series, alarm) -> findings.Finding:
    step = alarm.step
    kind = carryover.RED if series.worse(step.ratio) else "improvement"
    more = "; against the blessed night" if alarm.against == "blessed" else ""
    made = findings.change(
        series,
        step.index,
        series.unscaled(step.before),
        series.unscaled(step.after),
        kind,
        more + _explained(past, series, step.index),
    )
    return made._replace(confirmed=carryover.decided(past, series, made))


def _explained(past, series, place: int) -> str:
    """What joules are made of, and whether the work itself became another."""
    told = []
    for name in EXPLAINING if series.metric.name == "joules" else ():
        part = past.series.get((series.label, name))
        levels = part and _levels(part, series.points[place].night)
        if levels:
            told.append("{} x{:.3f}".format(name, levels[1] / levels[0]))
    for name in ("flops", "params", "macs"):
        part = past.series.get((series.label, name))
        levels = part and _levels(part, series.points[place].night)
        if levels and levels[0] != levels[1]:
            told.append(
                "explained by the work: {} {:+.2%}".format(
                    name, levels[1] / levels[0] - 1 if levels[0] else math.inf
                )
            )
    return "; " + ", ".join(told) if told else ""


def _levels(series, night: str):
    """(median before a night, median from it on); None if a side is empty."""
    sides = ([], [])
    for point in series.points:
        if point.value is not None:
            sides[store.order(point.night) >= store.order(night)].append(point.value)
    if not all(sides):
        return None
    return scan.median(sides[0][-scan.BEFORE :]), scan.median(sides[1])


def _work(past) -> List[findings.Finding]:
    """Counted metrics that are another number than the night before, or than was blessed."""
    found = []
    for (label, _), series in sorted(past.series.items()):
        known = [place for place, point in enumerate(series.points) if point.value is not None]
        if not series.metric.exact or series.tonight is None or len(known) < 2:
            continue
        old = series.points[series.blessed if series.blessed is not None else known[-2]].value
        if old == series.tonight:
            continue
        place = next(
            p
            for p in known
            if all(series.points[q].value == series.tonight for q in known if q >= p)
        )
        more = "; the work changed, joules may do so too"
        found.append(findings.change(series, place, old, series.tonight, "work changed", more))
    return found


def _notes(past, judged, found) -> List[str]:
    stage = (past.night.document or {}).get("stage")
    notes = ["the night has not ended (stage {})".format(stage)] if stage in UNDER_WAY else []
    notes += _contexts(past) + _young(past, judged) + carryover.counts(past, found)
    fakes = sorted({row.fake for row in past.rows if row.fake})
    if fakes:
        notes.insert(0, "the power is not real: {}".format(", ".join(fakes)))
    known = {name for (_, name), series in past.series.items() if series.tonight is not None}
    if known and "joules" not in known:
        notes.append("joules are not measured here: seconds lead")
    return notes


def _contexts(past) -> List[str]:
    """Which series begin anew tonight, and what changed."""
    changed = {}
    for (label, name), series in sorted(past.series.items()):
        if name != "seconds" or not series.others or len(series.points) > 1:
            continue
        old = max(series.others, key=lambda point: store.order(point.night)).context
        new = series.points[-1].context
        words = "; ".join(part for part in old.split("; ") if part not in new.split("; "))
        instead = "; ".join(part for part in new.split("; ") if part not in old.split("; "))
        changed.setdefault((words or "nothing", instead or "nothing"), []).append(label)
    return [
        "a new series begins for {}: {!r} became {!r}, so earlier nights are not compared; "
        "bless this one to be judged from tomorrow on".format(", ".join(labels), *words)
        for words, labels in changed.items()
    ]


def _young(past, judged) -> List[str]:
    measured = {
        key
        for key, series in past.series.items()
        if not series.metric.exact and series.tonight is not None
    }
    young = sorted({label for label, _ in measured - set(judged)})
    if not young:
        return []
    return [
        "too few nights to judge {}: a series needs {}, or a night that was blessed".format(
            ", ".join(young), alarms.ENOUGH
        )
    ]
