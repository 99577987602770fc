"""What a gate says of one number: a finding with its sentence. Free of torch."""

import math
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from edgejoule.bench.gates import pairs
from edgejoule.bench.gates.night_series import Series
from edgejoule.bench.history import store

SHOWN = 28  # nights of the old level that the interval of a change rests on, as in `scan`

End = Dict[str, Any]  # {"night": its name, "commit": 40 hex digits or None}


class Finding(NamedTuple):
    """One entry of a verdict, as night.json holds it.

    `low` and `high` bound `ratio` (of accuracy: the difference); None where too few nights tell.
    """

    label: str  # the method; "" for the night as a whole
    metric: str
    unit: str
    kind: str  # regression, improvement, work changed, missing, not measured, invalid
    before: Optional[float]
    after: Optional[float]
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    nights: int  # of the new level
    since: Optional[End]  # the first night of the new level
    until: Optional[End]  # the last night of the old one
    confirmed: Optional[bool]  # by an A/B of the two commits; None: not tried, or undecided
    sentence: str


def absent(
    label: str,
    metric: Optional[store.Metric],
    kind: str,
    sentence: str,
    until: Optional[End] = None,
) -> Finding:
    """The finding that something is not there; `until` is the last night that had it."""
    return Finding(
        label,
        metric.name if metric else "",
        metric.unit if metric else "",
        kind,
        None,
        None,
        None,
        None,
        None,
        0,
        None,
        until,
        None,
        sentence,
    )


def change(
    series: Series, place: int, before: float, after: float, kind: str, more: str
) -> Finding:
    """A change of level whose new level begins at a place of a series.

    The levels are in the metric's own unit; the interval is of the nights on both sides; `more`
    ends the sentence.
    """
    metric, points = series.metric, series.points
    old = [p.value for p in points[max(0, place - SHOWN) : place] if p.value is not None]
    new = [p.value for p in points[place:] if p.value is not None]
    low, high = _interval(metric, old, new)
    since = _end(points[place])
    last = next((p for p in reversed(points[:place]) if p.value is not None), None)
    until = _end(last) if last else None
    finding = Finding(
        series.label,
        metric.name,
        metric.unit,
        kind,
        before,
        after,
        after / before if before else None,
        low,
        high,
        len(new),
        since,
        until,
        None,
        "",
    )
    text = _sentence(finding, before, after, _span(since, until))
    return finding._replace(sentence=text + more)


def _sentence(finding: Finding, before: float, after: float, span: str) -> str:
    """A change in words."""
    if finding.metric == "accuracy":
        size = "{:.2g} points ({:.2%} to {:.2%})".format(100 * abs(after - before), before, after)
    else:
        size = "{} ({:.4g} to {:.4g} {})".format(
            "from nothing"
            if finding.ratio is None
            else "{:.2g} %".format(100 * abs(finding.ratio - 1)),
            before,
            after,
            finding.unit,
        )
    return "{} of {} {} {}, {}, {}".format(
        finding.metric,
        finding.label,
        "rose" if after > before else "fell",
        size,
        span,
        "1 night" if finding.nights == 1 else "{} nights".format(finding.nights),
    )


def _span(since: End, until: Optional[End]) -> str:
    """Between which nights and commits a change happened, in words."""
    if until is None:
        return "since {}".format(since["night"])
    ends = [(end["commit"] or "unknown")[:9] for end in (until, since)]
    commits = (
        "both of commit {}".format(ends[0])
        if ends[0] == ends[1]
        else "commits {}..{}".format(*ends)
    )
    return "between {} and {} ({})".format(until["night"], since["night"], commits)


def _interval(
    metric: store.Metric, old: Sequence[float], new: Sequence[float]
) -> Tuple[Optional[float], Optional[float]]:
    if min(len(old), len(new)) < 2:
        return None, None
    if metric.name == "accuracy":  # a bootstrap of differences: the ratio of exponentials
        ratio = pairs.unpaired([math.exp(v) for v in old], [math.exp(v) for v in new])
        return ratio.low and math.log(ratio.low), ratio.high and math.log(ratio.high)
    ratio = pairs.unpaired(old, new)
    return ratio.low, ratio.high


def _end(point: store.Point) -> End:
    return {"night": point.night, "commit": point.commit}
