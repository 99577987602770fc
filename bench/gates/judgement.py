"""Judges a night by the nights before it and by the blessed one; reads, writes nothing.

Joules lead: they are tested first, over all methods together (Benjamini and Hochberg), and what
seconds and watts did then explains them. Other metrics are tested as a second family. A regression
is a suspect until an A/B of the two commits (`bench.gates.confirm`) confirms or dismisses it. A
suspect fails the night, a dismissed one does not, and a decision holds for the nights that follow.
"""

import math
from statistics import median
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.bench.gates import absences, alarms, carryover, findings, limits, night_series, scan
from edgejoule.bench.gates.night_series import Past, Series
from edgejoule.bench.history import store

EXPLAINING = ("seconds", "watts")
UNDER_WAY = ("doctor", "cool", "run")  # stages before the gate

Key = Tuple[str, str]  # (label of a method, name of a metric)


class Judgement(NamedTuple):
    """A verdict and what it rests on."""

    verdict: str  # PASS, FAIL, INCONCLUSIVE, INVALID
    findings: List[findings.Finding]
    notes: List[str]
    compared: int  # series with enough nights, or a blessed one, to be judged
    missing: List[str]  # methods that did not run


def judge(
    history_folder: store.Folder,
    device: str,
    suite: str,
    night: Optional[str] = None,
    thresholds: Optional[limits.Thresholds] = None,
) -> Judgement:
    """The verdict on a night, by default the last.

    Raises:
        ValueError: there is no such night, or thresholds or baseline cannot be read.
    """
    thresholds = thresholds or limits.read(suite=suite)
    past = night_series.read(history_folder, device, suite, night)
    absent = absences.find(past, thresholds)
    judged = _judged(past)
    # without a label it is about the whole night, of which then nothing can be compared
    nothing = bool(absent) and not absent[0].label
    found = absent if nothing else absent + _work(past) + _changes(past, judged, thresholds)
    missing = [each.label for each in found if each.kind == "missing"]
    return Judgement(
        verdict(found, len(judged)), found, _notes(past, judged, found), len(judged), missing
    )


def verdict(found: List[findings.Finding], compared: int) -> str:
    """FAIL for a regression that was not dismissed; PASS only if all is there and was compared."""
    kinds = {each.kind for each in found if each.confirmed is not False}
    if "invalid" in kinds:
        return "INVALID"
    if store.REGRESSION in kinds:
        return "FAIL"
    return "INCONCLUSIVE" if kinds & set(store.ABSENT) or not compared else "PASS"


def standing_alarms(
    series: Dict[Key, Tuple[alarms.Values, Optional[int]]], thresholds: limits.Thresholds
) -> Dict[Key, alarms.Alarm]:
    """The alarms that stand of a night's series {(label, metric): (values, blessed place)}.

    Everything statistical is decided here, on plain lists: `gate --simulate` feeds it noise.
    """
    raised = {
        key: alarms.examine(values, thresholds.floors[key[1]], thresholds, blessed)
        for key, (values, blessed) in series.items()
    }
    chances = {key: 1.0 if alarm is None else alarm.chance for key, alarm in raised.items()}
    lead = "joules" if any(metric == "joules" for _, metric in series) else "seconds"
    stand = alarms.significant(
        {key: chance for key, chance in chances.items() if key[1] == lead},
        thresholds.false_discoveries,
    )
    leading = {label for label, _ in stand}
    # what explains an alarm is no further test, so it needs no significance of its own
    stand |= {key for key in series if key[0] in leading and key[1] in EXPLAINING}
    rest = {key: chance for key, chance in chances.items() if key[1] != lead and key not in stand}
    stand |= alarms.significant(rest, thresholds.false_discoveries)
    # watts alone are no cost: faster work draws more of them and needs fewer joules
    return {
        key: alarm
        for key, alarm in raised.items()
        if alarm is not None
        and key in stand
        and (key[1] != "watts" or key[0] in leading or lead != "joules")
    }


def _judged(past: Past) -> Dict[Key, Series]:
    """{key: series} of what was measured tonight and has something to be compared with."""
    return {
        key: series
        for key, series in past.series.items()
        if not series.metric.exact
        and series.tonight is not None
        and alarms.enough(series.values(), series.blessed)
    }


def _changes(
    past: Past, judged: Dict[Key, Series], thresholds: limits.Thresholds
) -> List[findings.Finding]:
    """Tonight's alarms, and regressions of earlier nights that nobody mended."""
    stand = standing_alarms(
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


def _finding(past: Past, series: Series, alarm: alarms.Alarm) -> findings.Finding:
    """An alarm as a finding, with what explains it and what an A/B of it said."""
    step = alarm.step
    kind = store.REGRESSION if series.worse(step.ratio) else "improvement"
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


def _explained(past: Past, series: Series, place: int) -> str:
    """What joules are made of, and whether the work itself became another."""
    parts = []
    for name in EXPLAINING if series.metric.name == "joules" else ():
        levels = _levels(past.series.get((series.label, name)), series.points[place].night)
        if levels:
            parts.append("{} x{:.3f}".format(name, levels[1] / levels[0]))
    for name in ("flops", "params", "macs"):
        levels = _levels(past.series.get((series.label, name)), series.points[place].night)
        if levels and levels[0] != levels[1]:
            parts.append(
                "explained by the work: {} {:+.2%}".format(
                    name, levels[1] / levels[0] - 1 if levels[0] else math.inf
                )
            )
    return "; " + ", ".join(parts) if parts else ""


def _levels(series: Optional[Series], night: str) -> Optional[Tuple[float, float]]:
    """(median before a night, median from it on); None without the series or if a side is empty."""
    before: List[float] = []
    after: List[float] = []
    for point in series.points if series else ():
        if point.value is not None:
            late = store.order(point.night) >= store.order(night)
            (after if late else before).append(point.value)
    return (median(before[-scan.BEFORE :]), median(after)) if before and after else None


def _work(past: Past) -> List[findings.Finding]:
    """Counted metrics that are another number than the night before, or than was blessed."""
    found = []
    for _, series in sorted(past.series.items()):
        known = [place for place, point in enumerate(series.points) if point.value is not None]
        if not series.metric.exact or series.tonight is None or len(known) < 2:
            continue
        old = series.points[series.blessed if series.blessed is not None else known[-2]].value
        if old is None or old == series.tonight:
            continue
        place = next(
            p
            for p in known
            if all(series.points[q].value == series.tonight for q in known if q >= p)
        )
        more = "; the work changed, joules may do so too"
        found.append(findings.change(series, place, old, series.tonight, "work changed", more))
    return found


def _notes(past: Past, judged: Dict[Key, Series], found: List[findings.Finding]) -> List[str]:
    """Sentences on what a reader of the verdict must know besides."""
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


def _contexts(past: Past) -> List[str]:
    """Which series begin anew tonight, and what changed."""
    changed: Dict[Tuple[str, str], List[str]] = {}
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


def _young(past: Past, judged: Dict[Key, Series]) -> List[str]:
    """Which methods have too few nights to be judged."""
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
