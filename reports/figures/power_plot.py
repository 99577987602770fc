"""Power over time of one run: its phases shaded, its epochs ticked, every peak kept."""

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from edgejoule.bench.records import RunRecord
from edgejoule.reports import quantity, traces
from edgejoule.reports.figures import axes, svg
from edgejoule.reports.words import plain, plural

WIDTH, HEIGHT = 420.0, 214.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 412.0, 40.0, 172.0
TIMES = (
    quantity.Unit("hours", 3600.0),
    quantity.Unit("minutes", 60.0),
    quantity.Unit("seconds", 1.0),
)
ENOUGH = 3.0  # of the next smaller unit before a larger one is taken
MOST_EPOCHS = 100  # ticks; more would be a bar
LETTER = 6.0  # pixels of a letter, for names over phases
MOST_PHASES = 60  # of a run that cuts in many rounds; more shades would be lines


class Phase(NamedTuple):
    """A phase from `start` to `end`, in seconds of the trace."""

    name: str
    start: float
    end: float


class Marks(NamedTuple):
    """What a record says of a trace: its phases, and when epochs began."""

    phases: Tuple[Phase, ...]
    epochs: Tuple[float, ...]


def marks(record: RunRecord, trace: traces.Trace) -> Marks:
    """Phases and epochs that lie in the trace; empty where the record does not say when."""
    phases = []
    epochs: List[float] = []
    for each in record.phases[:MOST_PHASES]:
        start, end = (_within(each.get(key), trace) for key in ("start_s", "end_s"))
        if start is not None and end is not None and start <= end:
            phases.append(Phase(plain(each["name"]), start, end))
    for each in record.epochs:
        start = _within(each.get("start_s"), trace)
        epochs += [] if start is None else [start]
    return Marks(tuple(phases), tuple(epochs))


def _within(value: Any, trace: traces.Trace) -> Optional[float]:
    """A moment in seconds of the trace, None if it is none or lies outside by more than a tenth."""
    # `not <` and not `>=`, so that NaN fails too; a whole number of 400 digits fits into no float
    if type(value) not in (int, float) or not abs(value) < 1e15:
        return None
    seconds, slack = value - trace.begun_s, trace.seconds / 10
    if not -slack <= seconds <= trace.seconds + slack:
        return None
    return min(max(seconds, 0.0), trace.seconds)


def draw(
    identity: str, name: str, trace: traces.Trace, found: Marks, series: int, label: str
) -> Markup:
    """The figure; `label` says if the power is fake or estimated."""
    unit = next(each for each in TIMES if trace.seconds >= ENOUGH * each.size or each.size == 1)
    lines = traces.thinned(trace)
    plot = axes.Plot(
        axes.Scale(0.0, trace.seconds / unit.size, LEFT, RIGHT),
        axes.scale(
            [watts for line in lines for _, watts in line] + [0.0],
            BOTTOM,
            TOP,
            0.06,
            floor=None if trace.watts.min() < 0 else 0.0,  # a rail that feeds back goes below 0
        ),
    )
    watts = "Watts" + (" ({})".format(label) if label else "")
    return svg.picture(
        identity,
        WIDTH,
        HEIGHT,
        "Power over time of {}".format(name),
        describe(trace, found, label),
        *(
            _phases(plot, found, unit)
            + [
                axes.frame(
                    plot,
                    axes.ticks(plot.x.low, plot.x.high, 6),
                    axes.ticks(plot.y.low, plot.y.high, 4),
                    unit.name,
                ),
                svg.text(4.0, 12.0, watts, class_="title"),
            ]
            + _epochs(plot, found, unit)
            + [_line(plot, line, unit, series) for line in lines]
        ),
    )


def describe(trace: traces.Trace, found: Marks, label: str) -> str:
    """The figure in words."""
    words = "{} samples over {} s, {} to {} W, {} W in the mean".format(
        len(trace.watts),
        *(
            quantity.significant(float(each))
            for each in (trace.seconds, trace.watts.min(), trace.watts.max(), _mean(trace))
        ),
    )
    if found.phases:
        words += "; phases " + ", ".join(each.name for each in found.phases)
    if found.epochs:
        words += "; {}".format(plural(len(found.epochs), "epoch"))
    return words + (" ({})".format(label) if label else "") + "."


def _mean(trace: traces.Trace) -> float:
    """The mean over time, trapezoids between samples."""
    steps = trace.times_s[1:] - trace.times_s[:-1]
    return float((steps * (trace.watts[1:] + trace.watts[:-1])).sum() / 2 / trace.seconds)


def _phases(plot: axes.Plot, found: Marks, unit: quantity.Unit) -> List[Markup]:
    """Every other phase shaded, all named where the name fits, the others on hovering."""
    parts: List[Markup] = []
    free = LEFT  # right edge of the names so far
    for number, phase in enumerate(found.phases):
        left, right = plot.x(phase.start / unit.size), plot.x(phase.end / unit.size)
        words = svg.tag(
            "title",
            "{}: {} to {} s".format(
                phase.name, *(quantity.significant(each) for each in (phase.start, phase.end))
            ),
        )
        parts.append(
            svg.tag(
                "rect",
                words,
                x=left,
                y=TOP,
                width=max(right - left, 0.5),
                height=BOTTOM - TOP,
                class_="phase odd" if number % 2 else "phase",
            )
        )
        if len(phase.name) * LETTER <= right - max(left, free):
            parts.append(svg.text(max(left, free) + 2, TOP - 6, phase.name, class_="tick"))
            free = max(left, free) + len(phase.name) * LETTER + 8
    return parts


def _epochs(plot: axes.Plot, found: Marks, unit: quantity.Unit) -> List[Markup]:
    if len(found.epochs) > MOST_EPOCHS:
        return []
    return [
        svg.line(
            [(plot.x(start / unit.size), BOTTOM), (plot.x(start / unit.size), BOTTOM - 7)], "leader"
        )
        for start in found.epochs
    ]


def _line(
    plot: axes.Plot, line: Sequence[Tuple[float, float]], unit: quantity.Unit, series: int
) -> Markup:
    """One stretch without a gap; a dot if it is a single sample."""
    points = [plot.at(seconds / unit.size, watts) for seconds, watts in line]
    if len(points) > 1:
        return svg.line(points, "curve power s{}".format(series))
    return svg.tag(
        "circle", cx=points[0][0], cy=points[0][1], r=1.5, class_="dot s{}".format(series)
    )
