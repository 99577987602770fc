"""Figures: scales and ticks by closed form, fronts by definition, labels that do not collide."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edgejoule.reports import quantity
from edgejoule.reports.figures import axes, distance_plot, epoch_plot, labels, pareto_plot, svg
from edgejoule.reports.figures.epoch_plot import Curves
from edgejoule.reports.figures.pareto_plot import Point
from edgejoule.reports.rows import Drawn
from edgejoule.reports.spread import Spread


def _point(name, cost, accuracy, sd=0.001, dense=False, series=1):
    return Point(
        name,
        Spread(2, cost, sd, cost, cost),
        Spread(2, accuracy, sd, accuracy, accuracy),
        series,
        dense,
    )


@given(some.floats(-1e6, 1e6), some.floats(1e-3, 1e6), some.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_ticks_are_round_and_inside(low, width, count):
    """Even steps of 1, 2, 2.5 or 5 times a power of ten, never too many."""
    high = low + width
    found = axes.ticks(low, high, count)
    assert len(found) <= count + 1
    assert all(low - 1e-6 * width <= tick <= high + 1e-6 * width for tick in found)
    steps = {float("{:.6g}".format(b - a)) for a, b in zip(found, found[1:])}
    if len(found) > 2 and abs(low) < 1e3 * width:
        assert max(steps) - min(steps) <= 1e-3 * max(steps)
        assert "{:.1e}".format(max(steps))[:3] in ("1.0", "2.0", "2.5", "5.0")


@pytest.mark.parametrize(
    "ticks, labels",
    [
        ([0, 0.1, 0.2], ["0.0", "0.1", "0.2"]),
        ([0, 2.5, 5], ["0.0", "2.5", "5.0"]),
        ([10, 20], ["10", "20"]),
        ([0.25, 0.5], ["0.25", "0.50"]),
        ([7], ["7"]),
    ],
)
def test_tick_labels_have_the_decimals_of_their_step(ticks, labels):
    """No 0.30000000000000004."""
    assert [axes.label(tick, ticks) for tick in ticks] == labels


def test_a_scale_is_linear_and_holds_its_values():
    """Its ends map to its pixels; equal values still have room."""
    scale = axes.Scale(0.0, 10.0, 100.0, 0.0)
    assert [scale(value) for value in (0, 5, 10)] == [100, 50, 0]
    for values in ([3.0, 3.0], [0.0], [1.0, 2.0]):
        found = axes.scale(values, 0.0, 1.0)
        assert found.low < min(values) <= max(values) < found.high


def test_the_front_is_what_nobody_beats():
    """In accuracy at the same or lower cost; of two at one place, one."""
    points = [
        _point(name, *at)
        for name, at in (
            ("cheap", (1, 0.90)),
            ("worse", (2, 0.89)),
            ("dear", (3, 0.95)),
            ("same", (3, 0.95)),
            ("level", (2, 0.90)),
        )
    ]
    assert [point.name for point in pareto_plot.front(points)] == ["cheap", "dear"]


def test_pareto_marks_dense_and_shows_spread():
    """Guides through dense, a bar for each known deviation, a name for each point."""
    points = [
        _point("dense", 40.0, 0.98, dense=True, series=0),
        _point("slim", 20.0, 0.97),
        _point("once", 21.0, 0.96, sd=None),
    ]
    drawn = str(pareto_plot.draw("p", points, quantity.ENERGY[2], "Joules"))
    ElementTree.fromstring(drawn)
    assert drawn.count('class="guide"') == 2 and drawn.count('class="bar') == 4
    assert all(">{}<".format(name) in drawn for name in ("dense", "slim", "once"))
    assert "dense: 98.0 % at 40.0 J" in drawn


def test_labels_do_not_cover_each_other():
    """Six methods at almost one place."""
    points = [_point("method {}".format(i), 20 + 0.1 * i, 0.95 + 0.0001 * i) for i in range(6)]
    drawn = str(pareto_plot.draw("p", points, quantity.ENERGY[2], "Joules"))
    places = [
        (float(x), float(y))
        for x, y in re.findall(r'<text x="([0-9.]+)" y="([0-9.]+)" class="name"', drawn)
    ]
    assert len(places) == 6
    for i, (x, y) in enumerate(places):
        assert all(abs(y - b) >= 13 or abs(x - a) >= 8 * labels.LETTER for a, b in places[:i])


def test_a_search_is_drawn_with_its_threshold_and_ticket():
    """A line per seed, a diamond where it ended, the threshold in words."""
    searches = [
        (0, Drawn(3, ((1, 0.3), (2, 0.2), (3, 0.1)), "queue_consecutive", 0.15)),
        (1, Drawn(None, ((1, 0.4), (2, 0.3)), "queue_consecutive", 0.15)),
    ]
    drawn = str(distance_plot.draw("d", "spline", searches, 2))
    ElementTree.fromstring(drawn)
    assert drawn.count("<polyline") == 3 and drawn.count('class="ticket') == 1
    assert "threshold 0.15" in drawn and "ticket, seed 0" in drawn
    assert "Seed 1: never settled below 0.15." in drawn
    assert distance_plot.draw("d", "x", [(0, Drawn(None, (), "q", 0.1))], 0) == ""


def _curves(name, joules, cuts=()):
    columns = {
        "loss": [1.0, None, 0.5],
        "accuracy": [0.5, 0.7, 0.9],
        "joules": joules,
        "seconds": [4.0, 4.0, 4.0],
    }
    return Curves(name, 1, ((0, [1, 2, 3], columns),), cuts)


def test_epochs_leave_a_gap_where_nothing_was_measured():
    """A line across an unknown epoch would invent it."""
    mine = _curves("slim", [40.0, None, 20.0], cuts=(2,))
    parts = epoch_plot.panels("joules", [40.0, 20.0], "fake power")
    drawn = str(epoch_plot.draw("e", mine, None, epoch_plot.shared([mine], parts), parts))
    ElementTree.fromstring(drawn)
    assert drawn.count('class="curve') == 1 and drawn.count('class="dot') == 4
    assert "J per epoch (fake power)" in drawn and drawn.count('class="cut"') == 3


def test_all_small_multiples_share_their_axes():
    """The same value is at the same height in every figure of a block."""
    high, low = _curves("a", [40.0, 40.0, 40.0]), _curves("b", [20.0, 20.0, 20.0])
    parts = epoch_plot.panels("joules", [40.0, 20.0], "")
    drawn = [
        str(epoch_plot.draw("e", each, None, epoch_plot.shared([high, low], parts), parts))
        for each in (high, low)
    ]
    ticks = [re.findall(r'text-anchor="end" class="tick">([0-9.]+)<', each) for each in drawn]
    assert ticks[0] == ticks[1] and "40" in ticks[0]


def test_marks_differ_in_shape_as_well_as_in_colour():
    """Eight series, eight outlines."""
    outlines = {str(svg.mark(number, 0.0, 0.0)).split('"')[1] for number in range(8)}
    assert len(outlines) == 8


def test_attributes_are_escaped():
    """A name in a figure is text."""
    drawn = str(svg.tag("text", "<b>", title='"&', stroke_width=1.25, class_="x"))
    assert drawn == '<text title="&#34;&amp;" stroke-width="1.2" class="x">&lt;b&gt;</text>'


def test_ticks_that_fall_together_still_have_labels():
    assert axes.label(100.0, [100.0, 100.0, 100.0]) == "100"
    assert axes.label(0.5, [0.5, 0.5, 0.75]) == "0.50"
