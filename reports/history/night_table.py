"""What one night measured, method by method, beside the nights before it."""

from statistics import median
from typing import List, Tuple

from edgejoule.bench import rounding
from edgejoule.bench.history import store
from edgejoule.reports import quantity, sources, spread
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
# what an axis or a column calls it where the unit stands in brackets behind it
QUANTITIES = dict(WORDS, joules="Energy", seconds="Time", watts="Power")


def table(history: past.Past, place: past.Place, number: int) -> Table:
    """One row per method: each metric, and how far it lies from the nights before.

    `number` is that of the night among those of its place.
    """
    night = history.nights[place][number]
    earlier = [each.night for each in history.nights[place][:number]][-COMPARED:]
    rows = history.measured(night)
    notes = Notes(
        "mean over seeds; below it the difference to the median of up to {} nights before with "
        "the same surroundings".format(COMPARED)
    )
    labels = [label for label in history.colours if any(row.label == label for row in rows)]
    seeds = [str(sum(row.label == label for row in rows)) for label in labels]
    body = tuple(
        Row(
            (Cell(plain(label)), Cell(count))
            + tuple(
                _cell(history, (place[0], place[1], label, metric), night.night, earlier)
                for metric in SHOWN
            )
        )
        for label, count in zip(labels, seeds)
    )
    return Table(_title(history, night), _columns(rows), body, notes.all())


def _title(history: past.Past, night: store.Night) -> str:
    unreal = past.unreal(history.measured(night))
    return "{} on {}, night {}{}".format(
        plain(night.suite),
        plain(night.device),
        plain(night.night),
        " ({})".format(", ".join(unreal)) if unreal else "",
    )


def _columns(rows: List[store.Row]) -> Tuple[Column, ...]:
    unreal = past.unreal(rows)
    label = " ({})".format(sources.label_of(unreal[0])) if unreal else ""
    return (Column("Method", number=False), Column("Seeds")) + tuple(
        Column(WORDS[name] + (label if name in past.OF_POWER else "")) for name in SHOWN
    )


def _cell(
    history: past.Past, key: Tuple[str, str, str, str], night: str, earlier: List[str]
) -> Cell:
    """One method's metric (the key of its series) in a night, beside the earlier nights."""
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
    return Cell(changes.value(point.value, key[3]), _beside(point.value, old, key[3]))


def _beside(value: float, old: List[float], metric: str) -> str:
    """The difference to the median of earlier nights; "" if there is none."""
    if not old:
        return ""
    middle = median(old)
    if past.METRICS[metric].exact:
        return "same" if value == middle else "changed"
    if metric == "accuracy":
        return quantity.signed(rounding.points(value, middle), 1) + " points"
    return changes.percent(value / middle) + " %" if middle > 0 else ""
