"""What one night measured, method by method, beside the nights before it."""

from typing import List

from edgejoule.bench.gates import scan
from edgejoule.reports import spread
from edgejoule.reports.history import changes, past
from edgejoule.reports.tables import Cell, Column, Notes, Row, Table
from edgejoule.reports.words import plain

SHOWN = ("joules", "seconds", "watts", "accuracy", "flops", "params")
COMPARED = 28  # nights, as in the nightly gate
WORDS = {
    "joules": "Joules",
    "seconds": "Seconds",
    "watts": "Watts",
    "accuracy": "Accuracy",
    "flops": "FLOPs",
    "params": "Parameters",
    "macs": "Forward MACs",
}


def table(history: past.Past, place, number: int) -> Table:
    """One row per method: each metric, and how far it lies from the nights before."""
    night = history.nights[place][number]
    earlier = [each.night for each in history.nights[place][:number]][-COMPARED:]
    rows, notes = (
        history.measured(night),
        Notes(
            "mean over seeds; below it the difference to the median of up to {} nights before with the "
            "same surroundings".format(COMPARED)
        ),
    )
    labels = [label for label in history.colours if any(row.label == label for row in rows)]
    seeds = [str(sum(row.label == label for row in rows)) for label in labels]
    body = tuple(
        Row(
            (Cell(plain(label)), Cell(count))
            + tuple(
                _cell(history, place + (label, metric), night.night, earlier, notes)
                for metric in SHOWN
            )
        )
        for label, count in zip(labels, seeds)
    )
    return Table(_title(history, place, night), _columns(rows), body, notes.all())


def _title(history, place, night) -> str:
    unreal = past.unreal(history.measured(night))
    return "{} on {}, night {}{}".format(
        plain(night.suite),
        plain(night.device),
        plain(night.night),
        " ({})".format(", ".join(unreal)) if unreal else "",
    )


def _columns(rows):
    unreal = past.unreal(rows)
    fake = " ({})".format(unreal[0].split(":")[0]) if unreal else ""
    return (Column("Method", number=False), Column("Seeds")) + tuple(
        Column(WORDS[name] + (fake if name in ("joules", "watts") else "")) for name in SHOWN
    )


def _cell(history, key, night: str, earlier: List[str], notes) -> Cell:
    points = {point.night: point for point in history.points(key[:2], *key[2:])}
    point = points.get(night)
    if point is None or point.value is None:
        return Cell("not counted" if past.METRICS[key[3]].exact else "not measured")
    old = spread.known(
        [
            points[each].value
            for each in earlier
            if each in points and points[each].context == point.context
        ]
    )
    return Cell(changes.value(point.value, key[3]), _beside(point.value, old, key[3], notes))


def _beside(value: float, old: List[float], metric: str, notes) -> str:
    """The difference to the median of earlier nights."""
    middle = scan.median(old) if old else None
    if middle is None:
        return ""
    if past.METRICS[metric].exact:
        return "same" if value == middle else "changed"
    if metric == "accuracy":
        return changes.signed(100 * (value - middle), 1) + " points"
    return changes.percent(value / middle) + " %" if middle > 0 else ""
