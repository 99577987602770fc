"""Everything that one night of one suite is judged by: its series, its past, its baseline.

Only points of tonight's context are comparable (another power mode or torch is another series),
so every series here holds these alone and ends tonight. Free of torch.
"""

import math
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.bench.gates import blessing
from edgejoule.bench.history import store


class Series(NamedTuple):
    """A metric of a method over the comparable nights up to tonight."""

    label: str
    metric: store.Metric
    points: List[store.Point]
    others: List[store.Point]  # earlier nights of another context
    blessed: Optional[int]  # place of the blessed night

    @property
    def tonight(self) -> Optional[float]:
        """The last value."""
        return self.points[-1].value

    def values(self) -> List[Optional[float]]:
        """What the gate looks at: ratios matter, but of accuracy the difference does."""
        values = [point.value for point in self.points]
        if self.metric.name != "accuracy":
            return values
        return [None if value is None else math.exp(value) for value in values]

    def unscaled(self, value: float) -> float:
        """A level of `values` in the metric's own unit."""
        return math.log(value) if self.metric.name == "accuracy" else value

    def worse(self, ratio: float) -> bool:
        """True if a change by this ratio is for the worse."""
        return ratio > 1 if self.metric.better == "less" else ratio < 1


class Past(NamedTuple):
    """What is known on the evening of the judgement."""

    night: store.Night
    rows: List[store.Row]  # of tonight
    earlier: List[store.Row]
    documents: List[Tuple[str, Dict]]  # (night, night.json) of earlier nights, the latest last
    series: Dict[Tuple[str, str], Series]  # by (label, metric), those that ran tonight
    blessing: Optional[Dict]

    def labels(self) -> List[str]:
        """The methods that ran tonight."""
        return sorted({row.label for row in self.rows if row.label})


def read(folder: store.Folder, device: str, suite: str, night: Optional[str] = None) -> Past:
    """The past of a night, by default the last there is.

    Raises:
        ValueError: there is no such night.
    """
    nights = store.nights(folder, device, suite)
    names = [each.night for each in nights]
    if not nights or (night and night not in names):
        raise ValueError(
            "no night {}of suite {!r} on {} in {}; {}".format(
                night + " " if night else "",
                suite,
                device,
                folder,
                "the last is " + names[-1] if names else "'edgejoule nightly' makes them",
            )
        )
    place = names.index(night) if night else len(names) - 1
    tonight, known = nights[place], set(names[: place + 1])
    rows = [row for row in store.rows(folder, device, suite) if row.night in known]
    blessed = blessing.read(folder, device).get(suite)
    return Past(
        tonight,
        [row for row in rows if row.night == tonight.night],
        [row for row in rows if row.night != tonight.night],
        [(each.night, each.document or {}) for each in nights[:place]],
        _series(rows, tonight.night, blessed),
        blessed,
    )


def _series(
    rows: List[store.Row], night: str, blessed: Optional[Dict]
) -> Dict[Tuple[str, str], Series]:
    metrics = {metric.name: metric for metric in store.METRICS}
    found = {}
    for (_, _, label, name), points in store.series(rows).items():
        if points[-1].night != night:  # it did not run tonight
            continue
        same = [point for point in points if point.context == points[-1].context]
        others = [point for point in points if point.context != points[-1].context]
        found[label, name] = Series(label, metrics[name], same, others, _place(same, blessed))
    return found


def _place(points: List[store.Point], blessed: Optional[Dict]) -> Optional[int]:
    """Where the blessed night stands among comparable points; None if it is none of them."""
    for place, point in enumerate(points):
        if blessed and point.night == blessed["night"] and point.value is not None:
            return place
    return None
