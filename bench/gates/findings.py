"""What a gate says of one number: a finding with its sentence. Free of torch."""

import math
from typing import Dict, NamedTuple, Optional

from edgejoule.bench.gates import pairs

END = Dict[str, Optional[str]]


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
    since: Optional[END]  # {night, commit} of the first night of the new level
    until: Optional[END]  # of the last night of the old one
    confirmed: Optional[bool]  # by an A/B of the two commits; None: not tried, or undecided
    sentence: str


def hole(label: str, metric, kind: str, sentence: str, until: Optional[END] = None) -> Finding:
    """Something that is not there."""
    return Finding(
        label,
        getattr(metric, "name", ""),
        getattr(metric, "unit", ""),
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


def change(series, place: int, before: float, after: float, kind: str, more: str) -> Finding:
    """A change of level whose new level begins at a place of a series.

    The levels are in the metric's own unit; the interval is of the nights on both sides.
    """
    metric, points = series.metric, series.points
    old = [p.value for p in points[max(0, place - 28) : place] if p.value is not None]
    new = [p.value for p in points[place:] if p.value is not None]
    low, high = _interval(metric, old, new)
    until = next((p for p in reversed(points[:place]) if p.value is not None), None)
    ends = (_end(points[place]), _end(until) if until else None)
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
        ends[0],
        ends[1],
        None,
        "",
    )
    return finding._replace(sentence=sentence(finding) + more)


def sentence(finding: Finding) -> str:
    """A change in words."""
    rose = finding.after > finding.before
    if finding.metric == "accuracy":
        size = "{:.2g} points ({:.2%} to {:.2%})".format(
            100 * abs(finding.after - finding.before), finding.before, finding.after
        )
    else:
        size = "{:.2g} % ({:.4g} to {:.4g} {})".format(
            100 * abs(finding.ratio - 1), finding.before, finding.after, finding.unit
        )
    return "{} of {} {} {}, {}, {}".format(
        finding.metric,
        finding.label,
        "rose" if rose else "fell",
        size,
        span(finding),
        "1 night" if finding.nights == 1 else "{} nights".format(finding.nights),
    )


def span(finding: Finding) -> str:
    """Between which nights and commits it happened."""
    since, until = finding.since, finding.until
    if until is None:
        return "since {}".format(since["night"])
    ends = [(end["commit"] or "unknown")[:9] for end in (until, since)]
    commits = (
        "both of commit {}".format(ends[0])
        if ends[0] == ends[1]
        else "commits {}..{}".format(*ends)
    )
    return "between {} and {} ({})".format(until["night"], since["night"], commits)


def _interval(metric, old, new):
    if min(len(old), len(new)) < 2:
        return None, None
    if metric.name == "accuracy":  # a bootstrap of differences: the ratio of exponentials
        ratio = pairs.unpaired([math.exp(v) for v in old], [math.exp(v) for v in new])
        return math.log(ratio.low), math.log(ratio.high)
    ratio = pairs.unpaired(old, new)
    return ratio.low, ratio.high


def _end(point) -> END:
    return {"night": point.night, "commit": point.commit}
