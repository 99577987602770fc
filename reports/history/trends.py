"""The page of trends: how every number of every method went on, night after night."""

from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.bench.gates import scan
from edgejoule.reports.figures import trend_plot
from edgejoule.reports.figures.trend_plot import Dot, Trend
from edgejoule.reports.history import changes, page_frame, past, trend_overview
from edgejoule.reports.history.night_table import WORDS
from edgejoule.reports.words import plain, plural

FIRST = 28  # nights at most, up to the first step: their median is where a series began
LEAST = {"accuracy": 1.0}  # points; of others, percent: the axis never shows less than this
DOTS = 6000  # in a page; more of them make it slow, and nobody walks through them
FOLDED = 12  # methods that are shown without folding away those without a step


class Line(NamedTuple):
    """One method and metric: its points beside the nights of its place, None where it has none."""

    label: str
    metric: str
    points: Tuple
    steps: Tuple  # (place of the night, ratio, commit before, commit after)


class Panel(NamedTuple):
    """The small multiples of one metric; `folded` are those without a step, if they are many."""

    title: str
    shown: List
    folded: List


def page(history: past.Past) -> str:
    """The HTML: one part per place, in it one panel per metric, in it one multiple per method."""
    lines = {
        place: [
            _line(history, place, label, metric)
            for metric in past.METRICS
            for label in history.labels(place)
        ]
        for place in history.places
    }
    dots = _dots(history, lines)
    parts = [
        _part(history, number, place, lines[place], dots)
        for number, place in enumerate(history.places)
    ]
    return page_frame.page(
        "trends.html",
        history,
        "Trends",
        parts=parts,
        dots=dots,
        longest=max((len(each) for each in history.nights.values()), default=0),
    )


def _line(history, place, label: str, metric: str) -> Line:
    points = {point.night: point for point in history.points(place, label, metric)}
    along = tuple(points.get(night.night) for night in history.nights[place])
    return Line(
        label,
        metric,
        along,
        tuple(
            step for first, last in _stretches(along) for step in _steps(along, first, last, metric)
        ),
    )


def _stretches(points) -> List[Tuple[int, int]]:
    """(first, last) of each stretch of nights with one context."""
    found: List[List] = []
    for place, point in enumerate(points):
        if point is None or not point.context:
            continue
        if found and found[-1][2] == point.context:
            found[-1][1] = place
        else:
            found.append([place, place, point.context])
    return [(first, last) for first, last, _ in found]


def _steps(points, first: int, last: int, metric: str):
    """Steps within one stretch: (place, ratio, commit before, commit after)."""
    values = [point and point.value for point in points[first : last + 1]]
    if past.METRICS[metric].exact:
        return _changes(points, first, values)
    return [
        (
            first + step.index,
            step.ratio,
            _commit(points, first, first + step.index - 1, -1),
            _commit(points, first + step.index, last, 1),
        )
        for step in scan.steps(values)
    ]


def _changes(points, first: int, values):
    """Every change of a counted number, however small."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    return [
        (
            first + here,
            value / old if old else 1.0,
            points[first + there].commit,
            points[first + here].commit,
        )
        for (there, old), (here, value) in zip(known, known[1:])
        if value != old
    ]


def _commit(points, low: int, high: int, direction: int) -> Optional[str]:
    """The commit of the measured night next to a step, going away from it."""
    for place in range(high, low - 1, -1) if direction < 0 else range(low, high + 1):
        if points[place] is not None and points[place].value is not None:
            return points[place].commit
    return None


def _dots(history, lines) -> int:
    """How many of the latest nights have a dot to look at, so that the page stays light."""
    count = sum(len(each) for each in lines.values()) or 1
    return max(14, DOTS // count)


def _part(history, number: int, place, lines: List[Line], dots: int) -> Dict:
    device, suite = place
    panels, same = [], []
    for metric in past.METRICS:
        mine = [
            line
            for line in lines
            if line.metric == metric
            and any(point is not None and point.value is not None for point in line.points)
        ]
        if past.METRICS[metric].exact:
            same += [WORDS[metric]] * bool(mine and not any(line.steps for line in mine))
            mine = [line for line in mine if line.steps]
        if mine:
            panels.append(_panel(history, "trend-{}-{}".format(number, metric), place, mine, dots))
    return {
        "device": plain(device),
        "suite": plain(suite),
        "panels": panels,
        "same": same,
        "nights": plural(len(history.nights[place]), "night"),
        "fake": ", ".join(history.fakes(place)),
        "overview": trend_overview.figures(history, "all-{}".format(number), place),
    }


def _panel(history, identity: str, place, lines: List[Line], dots: int) -> Panel:
    metric, links = lines[0].metric, past.links(history, place)
    days = past.days(history.nights[place])
    trends = [_trend(history, place, line, links, dots) for line in lines]
    plot = trend_plot.plot(trends, len(days), LEAST.get(metric, 3.0))
    drawn = [
        (
            line,
            _caption(line),
            trend_plot.draw(
                "{}-{}".format(identity, number),
                trend,
                plot,
                days,
                _describe(line),
                "{} of {}".format(WORDS[metric], plain(line.label)),
            ),
        )
        for number, (line, trend) in enumerate(zip(lines, trends))
    ]
    fold = len(lines) > FOLDED
    shown = [each for each in drawn if each[0].steps or not fold]
    folded = [each for each in drawn if not each[0].steps and fold]
    return Panel(
        _title(history, place, metric), [each[1:] for each in shown], [each[1:] for each in folded]
    )


def _title(history, place, metric: str) -> str:
    fake = history.fakes(place) if metric in ("joules", "watts") else []
    unit = "points" if metric == "accuracy" else "%"
    label = ", {}".format(fake[0].split(":")[0]) if fake else ""
    return "{}: difference to the level at the start ({}{})".format(WORDS[metric], unit, label)


def _trend(history, place, line: Line, links, dots: int) -> Trend:
    stretches, nights = _stretches(line.points), history.nights[place]
    pieces, levels, borders = [], [], []
    for number, (first, last) in enumerate(stretches):
        heights = _heights(line, first, last)
        pieces += _pieces(heights)
        levels += _levels(
            [step[0] for step in line.steps if first < step[0] <= last], heights, first, last
        )
        if number:
            borders.append(
                (
                    first,
                    _border(
                        line.points[stretches[number - 1][1]].context, line.points[first].context
                    ),
                )
            )
    at = {x: y for piece in pieces for x, y in piece}
    shown = [
        Dot(x, y, _words(line, nights[x].night, line.points[x]), links[nights[x].night])
        for x, y in sorted(at.items())
        if x >= len(nights) - dots
    ]
    return Trend(
        plain(line.label),
        history.colours[line.label],
        tuple(pieces),
        tuple(levels),
        tuple((x, changes.percent(ratio) + " %", _range(a, b)) for x, ratio, a, b in line.steps),
        tuple(borders),
        _holes(history, place, line),
        tuple(shown),
    )


def _heights(line: Line, first: int, last: int) -> List[Tuple[int, float]]:
    """(place, difference to the median of the first level): percent, points of accuracy."""
    known = [
        (place, line.points[place].value)
        for place in range(first, last + 1)
        if line.points[place] is not None and line.points[place].value is not None
    ]
    if not known:
        return []
    ends = [step[0] for step in line.steps if first < step[0] <= last] or [last + 1]
    begun = [value for place, value in known if place < ends[0]] or [known[0][1]]
    level = scan.median(begun[:FIRST])
    if line.metric == "accuracy":
        return [(place, 100 * (value - level)) for place, value in known]
    return [(place, 100 * (value / level - 1) if level else 0.0) for place, value in known]


def _pieces(heights):
    """Stretches of neighbours: a line is not drawn across a night that measured nothing."""
    pieces: List[List] = []
    for place, height in heights:
        if pieces and pieces[-1][-1][0] == place - 1:
            pieces[-1].append((place, height))
        else:
            pieces.append([(place, height)])
    return [tuple(piece) for piece in pieces]


def _levels(starts: List[int], heights, first: int, last: int):
    """(first night, last night, median height) of each level between the steps."""
    edges = [first] + starts + [last + 1]
    for low, high in zip(edges, edges[1:]):
        inside = [height for place, height in heights if low <= place < high]
        if inside:
            yield low, high - 1, scan.median(inside)


def _holes(history, place, line: Line) -> Tuple[Tuple[int, str], ...]:
    """Nights of the place, from the first of the line on, in which it measured nothing."""
    began = [number for number, point in enumerate(line.points) if point is not None]
    return tuple(
        (number, "{}: {}".format(plain(night.night), _why(history, night, line)))
        for number, night in enumerate(history.nights[place])
        if began
        and number >= began[0]
        and (line.points[number] is None or line.points[number].value is None)
    )


def _why(history, night, line: Line) -> str:
    if past.verdict(night) == "INVALID":
        return "an invalid night"
    reasons = [
        row.reason for row in history.measured(night) if row.label == line.label and row.reason
    ]
    return "not measured: {}".format(plain(reasons[0])) if reasons else "not measured"


def _words(line: Line, night: str, point) -> str:
    return "{}: {}, mean of {}, commit {}".format(
        plain(night),
        changes.value(point.value, line.metric),
        plural(point.n, "seed"),
        past.commit(point.commit),
    )


def _range(before, after) -> str:
    if before == after:
        return "both of {}".format(past.commit(after))
    return "{}..{}".format(past.commit(before), past.commit(after))


def _border(before: str, after: str) -> str:
    """What of the surroundings changed where a new series begins."""
    old, new = (set(each.split("; ")) for each in (before, after))
    added, gone = (plain(", ".join(sorted(each))) or "less" for each in (new - old, old - new))
    return "other surroundings from here: {} instead of {}".format(added, gone)


def _caption(line: Line) -> str:
    last = [point for point in line.points if point is not None and point.value is not None][-1]
    return "{} · {}".format(plain(line.label), changes.value(last.value, line.metric))


def _describe(line: Line) -> str:
    """The figure in words."""
    known = [point for point in line.points if point is not None and point.value is not None]
    said = ["{} of {} measured".format(len(known), plural(len(line.points), "night"))]
    said += [
        "a step of {} % between the commits {}".format(
            changes.percent(ratio), _range(before, after)
        )
        for _, ratio, before, after in line.steps
    ]
    return "; ".join(said if line.steps else said + ["no step"])
