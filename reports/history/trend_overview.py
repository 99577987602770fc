"""All methods of one metric in one figure: what each costs, night after night, in its unit."""

from typing import List, Sequence, Tuple

from markupsafe import Markup

from edgejoule.reports import quantity
from edgejoule.reports.figures import axes, svg, trend_plot
from edgejoule.reports.history import changes, past
from edgejoule.reports.history.night_table import QUANTITIES
from edgejoule.reports.words import plain, plural

WIDTH, HEIGHT = 420.0, 210.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 280.0, 14.0, 184.0
STEP = 14.0  # pixels between names
NAMED = 11  # names that fit beside the lines

Value = Tuple[int, float, str]  # number of the night, value, context
Line = Tuple[str, List[Value]]  # method, its values


def figures(history: past.Past, identity: str, place: past.Place) -> List[Tuple[str, Markup]]:
    """(title, figure) of every measured metric of a place."""
    made = []
    for metric in past.METRICS:
        lines = [(label, _values(history, place, label, metric)) for label in history.labels(place)]
        lines = [(label, values) for label, values in lines if values]
        if lines and not past.METRICS[metric].exact:
            made.append(_figure(history, "{}-{}".format(identity, metric), place, metric, lines))
    return made


def _values(history: past.Past, place: past.Place, label: str, metric: str) -> List[Value]:
    """One method's metric in every night that measured it."""
    numbers = {night.night: number for number, night in enumerate(history.nights[place])}
    return [
        (numbers[point.night], point.value, point.context)
        for point in history.points(place, label, metric)
        if point.value is not None
    ]


def _figure(
    history: past.Past, identity: str, place: past.Place, metric: str, lines: List[Line]
) -> Tuple[str, Markup]:
    unit = changes.unit_of([value for _, values in lines for _, value, _ in values], metric)
    days = past.days(history.nights[place])
    heights = [value / unit.size for _, values in lines for _, value, _ in values]
    plot = axes.Plot(
        axes.Scale(-0.8, len(days) - 0.2, LEFT, RIGHT), axes.scale(heights, BOTTOM, TOP, 0.08)
    )
    label = history.power_label(place, metric)
    title = "{} ({}{})".format(QUANTITIES[metric], unit.name, ", " + label if label else "")
    return title, svg.picture(
        identity,
        WIDTH,
        HEIGHT,
        title,
        _describe(lines, metric),
        axes.frame(plot, [], axes.ticks(plot.y.low, plot.y.high, 4)),
        trend_plot.days_below(plot, days),
        *(
            [
                _line(
                    plot,
                    "curve" if len(lines) <= NAMED else "thread",
                    history.colours[method],
                    plain(method),
                    values,
                    unit,
                )
                for method, values in lines
            ]
            + _names(history, plot, lines, unit)
        ),
    )


def _line(
    plot: axes.Plot,
    kind: str,
    series: int,
    name: str,
    values: Sequence[Value],
    unit: quantity.Unit,
) -> Markup:
    """One method; broken where the surroundings changed."""
    pieces: List[List] = []
    for number, value, context in values:
        if not pieces or pieces[-1][0] != context:
            pieces.append([context, []])
        pieces[-1][1].append(plot.at(number, value / unit.size))
    return svg.tag(
        "g",
        svg.tag("title", name),
        *[svg.line(points, "{} s{}".format(kind, series)) for _, points in pieces],
    )


def _names(
    history: past.Past, plot: axes.Plot, lines: List[Line], unit: quantity.Unit
) -> List[Markup]:
    """Names beside the ends of the lines, moved apart; of many methods the first ones."""
    ends = sorted((plot.y(values[-1][1] / unit.size), label) for label, values in lines[:NAMED])
    parts: List[Markup] = []
    height = TOP - STEP
    room = BOTTOM - STEP * (len(ends) - 1)
    for number, (wanted, label) in enumerate(ends):
        height = max(height + STEP, min(wanted, room + STEP * number))
        parts.append(svg.mark(history.colours[label], RIGHT + 12, height, 4.0))
        parts.append(svg.text(RIGHT + 22, height + 4, svg.short(plain(label), 19), class_="name"))
    return parts


def _describe(lines: List[Line], metric: str) -> str:
    """The figure in words: where each line ended."""
    ends = [
        "{} at the end {}".format(plain(label), changes.value(values[-1][1], metric))
        for label, values in lines[:NAMED]
    ]
    more = len(lines) - NAMED
    return "; ".join(ends + ([plural(more, "more method") + " not named"] if more > 0 else []))
