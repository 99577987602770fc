"""What earlier nights decided still holds: confirmed, dismissed, not yet mended. Free of torch.

The scan forgets a step after three or four weeks, when most nights it compares with lie behind
it. The findings of earlier nights do not: a regression is told every night until its level comes
back or is blessed, and a dismissed suspect is not tried again.
"""

import math
from statistics import median
from typing import Dict, List, Optional, Set, Tuple

from edgejoule.bench.gates import findings
from edgejoule.bench.gates.limits import Thresholds
from edgejoule.bench.gates.night_series import Past, Series
from edgejoule.bench.history import store

SAME_STEP = 3  # nights by which the first night of one step may be told differently
ONE_SIDED = 5  # alarms that all point one way
REMEMBERED = 60  # nights whose decisions are looked at


def decided(past: Past, series: Series, made: findings.Finding) -> Optional[bool]:
    """What an A/B of this night or an earlier one said of this very step; None if none did."""
    since = made.since or {}
    nights = [point.night for point in series.points]
    documents = [document for _, document in past.documents[-REMEMBERED:]]
    for document in reversed(documents + [past.night.document or {}]):
        for old in document.get("findings") or ():
            if not _same(old, made) or old.get("confirmed") is None:
                continue
            first = (old.get("since") or {}).get("night")
            near = (
                first in nights
                and abs(nights.index(first) - nights.index(since["night"])) <= SAME_STEP
            )
            if near and (old["confirmed"] or _no_worse(old, made)):
                return old["confirmed"]
    return None


def unmended(past: Past, series: Series, thresholds: Thresholds) -> List[findings.Finding]:
    """The regression of the night before, if the level has not come back since; else []."""
    known = [point for point in series.points[:-1] if point.value is not None]
    document = dict(past.documents).get(known[-1].night, {}) if known else {}
    nights = [point.night for point in series.points]
    for old in document.get("findings") or ():
        first = (old.get("since") or {}).get("night")
        if (
            (old.get("label"), old.get("metric"), old.get("kind"))
            != (series.label, series.metric.name, store.REGRESSION)
            or old.get("confirmed") is False
            or first not in nights
            or old.get("before") is None
        ):
            continue
        place = nights.index(first)
        if series.blessed is not None and place <= series.blessed:  # the new level was blessed
            continue
        made = _still(series, place, old, thresholds)
        if made:
            return [made]
    return []


def counts(past: Past, found: List[findings.Finding]) -> List[str]:
    """A sentence on how many alarms pointed either way lately; [] if there were none.

    Noise raises alarms both ways. If all point one way, series are probably compared that should
    not be: a setting that matters is missing from the context that keeps them apart.
    """
    seen = {store.REGRESSION: 0, "improvement": 0}
    before: Set[Tuple[str, str]] = set()
    nights = [document.get("findings") or [] for _, document in past.documents[-REMEMBERED:]]
    for night in nights + [[each._asdict() for each in found]]:
        now = {(each.get("label"), each.get("kind")) for each in night if each.get("kind") in seen}
        for _, kind in now - before:  # one that lasts for many nights is one alarm
            seen[kind] += 1
        before = now
    worse, better = seen[store.REGRESSION], seen["improvement"]
    if not worse and not better:
        return []
    text = "alarms of the last {} nights: {} for the worse, {} for the better".format(
        len(nights) + 1, worse, better
    )
    if max(worse, better) >= ONE_SIDED and not min(worse, better):
        text += "; all one way is the mark of a broken key or baseline"
    return [text]


def _same(old: Dict, made: findings.Finding) -> bool:
    return (old.get("label"), old.get("metric"), old.get("kind")) == (
        made.label,
        made.metric,
        made.kind,
    )


def _no_worse(old: Dict, made: findings.Finding) -> bool:
    """False for a change that has grown by half since: what was dismissed was a smaller one."""
    if not old.get("ratio") or not made.ratio:
        return False
    return abs(math.log(made.ratio)) <= 1.5 * abs(math.log(old["ratio"]))


def _still(
    series: Series, place: int, old: Dict, thresholds: Thresholds
) -> Optional[findings.Finding]:
    """An earlier regression as tonight sees it; None if the level is back."""
    values = [value for value in series.values() if value is not None]
    before = math.exp(old["before"]) if series.metric.name == "accuracy" else old["before"]
    now = median(values[-thresholds.shortest :])
    floor = thresholds.floors[series.metric.name] * thresholds.suspect
    if (
        not before
        or not series.worse(now / before)
        or abs(math.log(now / before)) <= math.log1p(floor)
    ):
        return None
    return findings.change(
        series,
        place,
        old["before"],
        series.unscaled(now),
        store.REGRESSION,
        "; found on an earlier night and not mended",
    )._replace(confirmed=old.get("confirmed"))
