"""The page of trends: how every number of every method went on, night after night."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from markupsafe import Markup

from edgejoule.bench.history import store
from edgejoule.reports.figures import trend_plot
from edgejoule.reports.figures.trend_plot import Dot, Trend
from edgejoule.reports.history import changes, page_frame, past, trend_lines, trend_overview
from edgejoule.reports.history.night_table import WORDS
from edgejoule.reports.history.trend_lines import Line
from edgejoule.reports.words import plain, plural

LEAST = {"accuracy": 1.0}  # points; of others, percent: the axis never shows less than this
DOTS = 6000  # in a page; more of them make it slow, and nobody walks through them
LEAST_DOTS = 14  # of a method: two weeks can be looked at, however many methods there are
FOLDED = 12  # methods that are shown without folding away those without a step


class Panel(NamedTuple):
    """The small multiples of one metric; `folded` are those without a step, if they are many."""

    title: str
    shown: List[Tuple[str, Markup]]  # caption, figure
    folded: List[Tuple[str, Markup]]


def page(history: past.Past) -> str:
    """The HTML: one part per place, in it one panel per metric, in it one multiple per method."""
    lines = {
        place: [
            trend_lines.line(history, place, label, metric)
            for metric in past.METRICS
            for label in history.labels(place)
        ]
        for place in history.places
    }
    dots = _dots(lines)
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


def _dots(lines: Dict[past.Place, List[Line]]) -> int:
    """How many of the latest nights have a dot to look at, so that the page stays light."""
    count = sum(len(each) for each in lines.values()) or 1
    return max(LEAST_DOTS, DOTS // count)


def _part(
    history: past.Past, number: int, place: past.Place, lines: List[Line], dots: int
) -> Dict[str, Any]:
    """What the page shows of one place."""
    device, suite = place
    panels, same = [], []
    for metric in past.METRICS:
        mine = [line for line in lines if line.metric == metric and line.measured]
        if past.METRICS[metric].exact:  # counted: drawn only where it changed
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


def _panel(
    history: past.Past, identity: str, place: past.Place, lines: List[Line], dots: int
) -> Panel:
    """The figures of one metric, on shared axes."""
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
    return Panel(
        _title(history, place, metric),
        [(caption, figure) for line, caption, figure in drawn if line.steps or not fold],
        [(caption, figure) for line, caption, figure in drawn if fold and not line.steps],
    )


def _title(history: past.Past, place: past.Place, metric: str) -> str:
    unit = "points" if metric == "accuracy" else "%"
    label = history.power_label(place, metric)
    return "{}: difference to the level at the start ({}{})".format(
        WORDS[metric], unit, ", " + label if label else ""
    )


def _trend(
    history: past.Past, place: past.Place, line: Line, links: Dict[str, str], dots: int
) -> Trend:
    """One method, ready to be drawn."""
    stretches, nights = trend_lines.stretches(line.points), history.nights[place]
    pieces: List[Tuple[trend_lines.Height, ...]] = []
    levels: List[Tuple[int, int, float]] = []
    for stretch in stretches:
        heights = trend_lines.heights(line, stretch)
        pieces += trend_lines.pieces(heights)
        levels += trend_lines.levels(trend_lines.starts(line, stretch), heights, stretch)
    heights_by_night = {night: height for piece in pieces for night, height in piece}
    shown = [
        Dot(
            night,
            heights_by_night[night],
            _dot_text(line.metric, point),
            links[nights[night].night],
        )
        for night, point in line.measured
        if night in heights_by_night and night >= len(nights) - dots
    ]
    return Trend(
        plain(line.label),
        history.colours[line.label],
        tuple(pieces),
        tuple(levels),
        tuple(
            (step.night, changes.percent(step.ratio) + " %", _range(step.before, step.after))
            for step in line.steps
        ),
        tuple(
            (later.first, _border(earlier.context, later.context))
            for earlier, later in zip(stretches, stretches[1:])
        ),
        _missing(history, place, line),
        tuple(shown),
    )


def _missing(history: past.Past, place: past.Place, line: Line) -> Tuple[Tuple[int, str], ...]:
    """Nights of the place, from the first of the line on, in which it measured nothing."""
    began = [number for number, point in enumerate(line.points) if point is not None]
    measured = {number for number, _ in line.measured}
    return tuple(
        (number, "{}: {}".format(plain(night.night), _why(history, night, line)))
        for number, night in enumerate(history.nights[place])
        if began and number >= began[0] and number not in measured
    )


def _why(history: past.Past, night: store.Night, line: Line) -> str:
    """Why a night has no value of a method."""
    if past.verdict(night) == "INVALID":
        return "an invalid night"
    reasons = [
        row.reason for row in history.measured(night) if row.label == line.label and row.reason
    ]
    return "not measured: {}".format(plain(reasons[0])) if reasons else "not measured"


def _dot_text(metric: str, point: store.Point) -> str:
    """What a dot shows on hovering."""
    return "{}: {}, mean of {}, commit {}".format(
        plain(point.night),
        changes.value(point.value, metric),
        plural(point.n, "seed"),
        past.commit(point.commit),
    )


def _range(before: Optional[str], after: Optional[str]) -> str:
    """The commits between which a level changed."""
    if before == after:
        return "both of {}".format(past.commit(after))
    return "{}..{}".format(past.commit(before), past.commit(after))


def _border(before: str, after: str) -> str:
    """What of the surroundings changed where a new series begins."""
    old, new = (set(each.split("; ")) for each in (before, after))
    added, gone = (plain(", ".join(sorted(each))) or "less" for each in (new - old, old - new))
    return "other surroundings from here: {} instead of {}".format(added, gone)


def _caption(line: Line) -> str:
    """The method and its last value."""
    _, last = line.measured[-1]
    return "{} · {}".format(plain(line.label), changes.value(last.value, line.metric))


def _describe(line: Line) -> str:
    """The figure in words."""
    parts = ["{} of {} measured".format(len(line.measured), plural(len(line.points), "night"))] + [
        "a step of {} % between the commits {}".format(
            changes.percent(step.ratio), _range(step.before, step.after)
        )
        for step in line.steps
    ]
    return "; ".join(parts if line.steps else parts + ["no step"])
