"""A metric of a method over the nights: its stretches of equal surroundings, steps and levels.

A night is named by its number among the nights of its place, from 0.
"""

from statistics import median
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.bench.gates import scan
from edgejoule.bench.history import store
from edgejoule.reports.history import past

FIRST = 28  # nights at most, up to the first step: their median is where a series began

Points = Sequence[Optional[store.Point]]
Height = Tuple[int, float]  # night, difference to the level at the start


class Step(NamedTuple):
    """A change of level: its first night, new over old, the commits before and after it."""

    night: int
    ratio: float
    before: Optional[str]
    after: Optional[str]


class Stretch(NamedTuple):
    """Nights from `first` to `last` with the same surroundings, which `context` tells."""

    first: int
    last: int
    context: str


class Line(NamedTuple):
    """One method and metric: its points beside the nights of its place, None where it has none."""

    label: str
    metric: str
    points: Tuple[Optional[store.Point], ...]
    steps: Tuple[Step, ...]

    @property
    def measured(self) -> List[Tuple[int, store.Point]]:
        """(night, point) of every night that measured something."""
        return [
            (night, point)
            for night, point in enumerate(self.points)
            if point is not None and point.value is not None
        ]


def line(history: past.Past, place: past.Place, label: str, metric: str) -> Line:
    """One method and metric of a place."""
    by_night = {point.night: point for point in history.points(place, label, metric)}
    points = tuple(by_night.get(night.night) for night in history.nights[place])
    steps = tuple(step for each in stretches(points) for step in _steps(points, each, metric))
    return Line(label, metric, points, steps)


def stretches(points: Points) -> List[Stretch]:
    """The stretches of nights with one context, in order; across them nothing is compared."""
    found: List[Stretch] = []
    for night, point in enumerate(points):
        if point is None or not point.context:  # nothing was run, or nobody knows where
            continue
        if found and found[-1].context == point.context:
            found[-1] = found[-1]._replace(last=night)
        else:
            found.append(Stretch(night, night, point.context))
    return found


def heights(line: Line, stretch: Stretch) -> List[Height]:
    """(night, difference to the median of the first level): percent, of accuracy points."""
    known = [
        (night, point.value)
        for night, point in line.measured
        if stretch.first <= night <= stretch.last and point.value is not None
    ]
    if not known:
        return []
    end = (starts(line, stretch) + [stretch.last + 1])[0]
    # a step may come before anything was measured: then the first value is the level
    begun = [value for night, value in known if night < end] or [known[0][1]]
    level = median(begun[:FIRST])
    if line.metric == "accuracy":
        return [(night, 100 * (value - level)) for night, value in known]
    return [(night, 100 * (value / level - 1) if level else 0.0) for night, value in known]


def starts(line: Line, stretch: Stretch) -> List[int]:
    """The first night of each level of a stretch but the first level's."""
    return [step.night for step in line.steps if stretch.first < step.night <= stretch.last]


def levels(
    starts: List[int], heights: List[Height], stretch: Stretch
) -> Iterator[Tuple[int, int, float]]:
    """(first night, last night, median height) of each level between the steps."""
    edges = [stretch.first] + starts + [stretch.last + 1]
    for low, high in zip(edges, edges[1:]):
        inside = [height for night, height in heights if low <= night < high]
        if inside:
            yield low, high - 1, median(inside)


def pieces(heights: List[Height]) -> List[Tuple[Height, ...]]:
    """Runs of neighbours: a line is not drawn across a night that measured nothing."""
    found: List[List[Height]] = []
    for night, height in heights:
        if found and found[-1][-1][0] == night - 1:
            found[-1].append((night, height))
        else:
            found.append([(night, height)])
    return [tuple(piece) for piece in found]


def _steps(points: Points, stretch: Stretch, metric: str) -> List[Step]:
    """The steps within one stretch."""
    first, last = stretch.first, stretch.last
    values = [point.value if point else None for point in points[first : last + 1]]
    if past.METRICS[metric].exact:
        return _counted_changes(points, first, values)
    return [
        Step(
            first + step.index,
            step.ratio,
            _commit(points, range(first + step.index - 1, first - 1, -1)),
            _commit(points, range(first + step.index, last + 1)),
        )
        for step in scan.steps(values)
    ]


def _counted_changes(points: Points, first: int, values: List[Optional[float]]) -> List[Step]:
    """Every change of a counted number, however small: it has no noise."""
    known = [(night, value) for night, value in enumerate(values, first) if value is not None]
    return [
        Step(
            here,
            value / old if old else 1.0,
            _commit(points, (there,)),
            _commit(points, (here,)),
        )
        for (there, old), (here, value) in zip(known, known[1:])
        if value != old
    ]


def _commit(points: Points, nights: Sequence[int]) -> Optional[str]:
    """The commit of the first of these nights that measured something."""
    for night in nights:
        point = points[night]
        if point is not None and point.value is not None:
            return point.commit
    return None
