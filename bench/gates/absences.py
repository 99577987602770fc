"""What a night lacks: methods, metrics, everything. Such a night never passes. Free of torch.

A gate that compared only what is there would pass when a sensor dies or a method is renamed.
"""

from typing import Dict, List, Optional

from edgejoule.bench import records
from edgejoule.bench.gates import findings
from edgejoule.bench.gates.limits import Thresholds
from edgejoule.bench.gates.night_series import Past, Series
from edgejoule.bench.history import store

RECENT = 7  # nights: what was measured then is missed tonight
DEMANDABLE = ("joules", "seconds", "accuracy")  # watts are joules over seconds


def find(past: Past, thresholds: Thresholds) -> List[findings.Finding]:
    """Findings for whatever was measured before, or is demanded, and is not there tonight."""
    if _void(past):
        return [
            findings.absent("", None, "invalid", "the night is invalid: nothing of it is compared")
        ]
    if not any(series.tonight is not None for series in past.series.values()):
        return [findings.absent("", None, "not measured", "nothing was measured: " + _why(past))]
    return _missing(past) + _unmeasured(past, thresholds)


def _void(past: Past) -> bool:
    return (past.night.document or {}).get("verdict") == "INVALID" or any(
        row.status == store.VOID for row in past.rows
    )


def _why(past: Past) -> str:
    reasons = [row.reason for row in past.rows if row.reason]
    return reasons[0] if reasons else "no run of it was finished"


def _missing(past: Past) -> List[findings.Finding]:
    """Methods that were there, or were asked for, and did not run."""
    there, found = set(past.labels()), []
    for label, row in sorted(_expected(past).items()):
        if label not in there:
            found.append(
                findings.absent(
                    label,
                    None,
                    "missing",
                    "{} was measured on {}, not today{}".format(label, row.night, _new(past)),
                    {"night": row.night, "commit": row.commit},
                )
            )
    # a new method that failed at once has no earlier night to be missed by
    asked = {label for _, label in store.asked(past.night.folder)}
    for label in sorted(asked - there - set(_expected(past))):
        found.append(
            findings.absent(
                label,
                None,
                "missing",
                "{} was asked for and has no run; 'edgejoule run' again makes it".format(label),
            )
        )
    return found


def _expected(past: Past) -> Dict[str, store.Row]:
    """{label: the last row of it} of the blessed night and the night before.

    Without a blessed night the last nights stand in for it; with the night before alone, what
    vanished would be reported once and never again.
    """
    nights = sorted({row.night for row in past.earlier}, key=store.order)
    blessed = past.blessing["night"] if past.blessing else None
    wanted = set(nights[-1:] + [blessed] if blessed else nights[-RECENT:])
    return {row.label: row for row in past.earlier if row.night in wanted and row.label}


def _new(past: Past) -> str:
    """A hint at a method that was renamed."""
    known = {row.label for row in past.earlier}
    new = [label for label in past.labels() if label not in known]
    return "; new today: {}".format(", ".join(new)) if new and known else ""


def _unmeasured(past: Past, thresholds: Thresholds) -> List[findings.Finding]:
    """Metrics that a method had and has not, or that [gate] demands."""
    found = []
    for label in past.labels():
        for name in DEMANDABLE:
            series = past.series.get((label, name))
            if series is None or series.tonight is not None:
                continue
            last, reason = _last_known(past, series), _reason(past, label)
            beside = name == "seconds" and reason.startswith(records.INCOMPARABLE)
            if last is None and name not in thresholds.demand and not beside:
                continue
            demanded = "demanded and" if name in thresholds.demand else "are"
            when = demanded if last is None else "measured on {},".format(last.night)
            found.append(
                findings.absent(
                    label,
                    series.metric,
                    "not measured",
                    "{} of {} {} not measured today: {}".format(name, label, when, reason),
                    None if last is None else {"night": last.night, "commit": last.commit},
                )
            )
    return found


def _last_known(past: Past, series: Series) -> Optional[store.Point]:
    """The newest of the recent nights, and of the blessed one, that measured this."""
    points = sorted(series.others + series.points, key=lambda point: store.order(point.night))
    blessed = past.blessing["night"] if past.blessing else None
    wanted = [
        point
        for place, point in enumerate(points)
        if point.value is not None and (place >= len(points) - 1 - RECENT or point.night == blessed)
    ]
    return wanted[-1] if wanted else None


def _reason(past: Past, label: str) -> str:
    rows = [row for row in past.rows if row.label == label]
    asked = rows[0].asked or len(rows)
    reasons = [row.reason for row in rows if row.reason]
    if reasons:
        return reasons[0]
    return (
        "{} of {} seeds are there".format(len(rows), asked)
        if len(rows) < asked
        else "its runs do not say why"
    )
