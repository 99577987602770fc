"""No label covers a line, a point, an error bar or another label, whatever the data are."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from edgejoule.reports import markup, quantity
from edgejoule.reports.figures import (
    axes,
    distance_plot,
    epoch_plot,
    labels,
    pareto_plot,
    svg,
    trend_plot,
)
from edgejoule.reports.figures.epoch_plot import Curves
from edgejoule.reports.figures.labels import Box
from edgejoule.reports.figures.pareto_plot import Point
from edgejoule.reports.figures.trend_plot import Trend
from edgejoule.reports.rows import Drawn
from edgejoule.reports.spread import Spread

JOULES = quantity.ENERGY[2]
ROUNDING = 0.1  # pixels: what is drawn has one decimal
LETTERS = "abcdefghijklmnopqrstuvwxyz 0123456789."


def _elements(drawn):
    """(tag, attributes, text) of a figure, namespaces aside."""
    for each in ElementTree.fromstring(str(drawn)).iter():
        yield each.tag.split("}")[-1], each.attrib, each.text or ""


def _names(drawn):
    """The box of every label, measured by its words."""
    found = []
    for tag, its, words in _elements(drawn):
        if tag == "text" and its.get("class") in ("name", "size"):
            x, y, wide = float(its["x"]), float(its["y"]), labels.width(words)
            left = x - wide * {"end": 1, "middle": 0.5}.get(its.get("text-anchor"), 0)
            top, right = y - labels.ASCENT + 1, left + wide - ROUNDING
            found.append((words, Box(left + ROUNDING, top, right, y + 3)))
    return found


def _lines(drawn):
    """Every straight piece of the lines that carry data: guides, fronts, bars, curves, steps."""
    for tag, its, _ in _elements(drawn):
        if tag == "polyline":
            places = [tuple(map(float, each.split(","))) for each in its["points"].split()]
            yield from zip(places, places[1:])


def _marks(drawn):
    """The middle of every mark, dot and ticket: the first point of its path, moved in."""
    for tag, its, _ in _elements(drawn):
        kind = its.get("class", "").split(" ")[0]
        if tag == "circle":
            yield float(its["cx"]), float(its["cy"])
        elif tag == "path" and kind in ("mark", "ticket"):
            numbers = [float(each) for each in re.findall(r"-?[0-9.]+", its["d"].split("a")[0])]
            xs, ys = numbers[::2], numbers[1::2]
            yield (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def hidden(drawn):
    """What lies under the labels of a figure."""
    names, found = _names(drawn), []
    for number, (words, box) in enumerate(names):
        found += [(words, other) for other, each in names[:number] if box.meets(each)]
        found += [(words, line) for line in _lines(drawn) if box.crossed(*line)]
        found += [(words, (x, y)) for x, y in _marks(drawn) if box.away(x, y) == 0]
    return found


def _spreads(low, high, most):
    return some.builds(
        lambda mean, sd: Spread(3, mean, sd, mean - (sd or 0), mean + (sd or 0)),
        some.floats(low, high),
        some.none() | some.floats(0, most),
    )


POINTS = some.lists(
    some.builds(
        Point,
        some.text(LETTERS, min_size=1, max_size=34).map(lambda words: words.strip() or "x"),
        _spreads(1, 100, 20),
        _spreads(0.1, 1.0, 0.1),
        some.integers(0, 7),
        some.booleans(),
    ),
    min_size=1,
    max_size=26,
)


@given(POINTS)
@settings(max_examples=150, deadline=None)
def test_no_label_of_a_pareto_figure_covers_anything(points):
    """Guides, staircase, error bars, marks and other labels; every name is somewhere."""
    drawn = pareto_plot.draw("p", points, JOULES, "Joules")
    assert not hidden(drawn)
    named = points if len(points) <= pareto_plot.MOST_NAMES else []
    shown = [words for words, _ in _names(drawn)]
    for point in named:
        assert any(words.startswith(svg.short(point.name)) for words in shown)


@given(POINTS)
@settings(max_examples=60, deadline=None)
def test_labels_stay_in_their_figure(points):
    """Also those below it."""
    drawn = str(pareto_plot.draw("p", points, JOULES, "Joules"))
    wide, high = map(float, re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', drawn).groups())
    for words, box in _names(drawn):
        assert box.left >= 0 and box.bottom <= high, words
        assert box.right <= wide or box.top > pareto_plot.BOTTOM, words


SEARCHES = some.lists(
    some.tuples(some.lists(some.floats(0, 1), min_size=1, max_size=12), some.booleans()),
    min_size=1,
    max_size=6,
)


def _searches(found):
    return [
        (
            seed,
            Drawn(len(values) if settled else None, tuple(enumerate(values, 1)), "queue", 0.1),
        )
        for seed, (values, settled) in enumerate(found)
    ]


@given(SEARCHES)
@settings(max_examples=120, deadline=None)
def test_no_label_of_a_search_covers_anything(found):
    """Curves, dots, the threshold, tickets and other labels."""
    assert not hidden(distance_plot.draw("d", "spline", _searches(found), 2))


@given(SEARCHES)
@settings(max_examples=60, deadline=None)
def test_no_ticket_hides_another(found):
    """Diamonds are hollow, and two at one place have two sizes."""
    drawn = distance_plot.draw("d", "spline", _searches(found), 2)
    tickets = [its for tag, its, _ in _elements(drawn) if "ticket" in its.get("class", "")]
    assert len({each["d"] for each in tickets}) == len(tickets)
    assert re.search(r"svg \.ticket \{ fill: none;", _sheet())


def _sheet():
    return (markup.TEMPLATES / "style.css").read_text(encoding="utf8")


@given(some.lists(some.integers(1, 59), min_size=1, max_size=8, unique=True))
@settings(max_examples=120, deadline=None)
def test_no_words_of_a_step_are_crossed(nights):
    """The line of a step runs up through the rows of the words of others."""
    steps = tuple((night, "+12.5 %", "a000001..a000002") for night in sorted(nights))
    pieces = ((tuple((night, 0.1) for night in range(60))),)
    trend = Trend("slim", 1, pieces, (), steps, (), (), ())
    plot = trend_plot.plot([trend], 60, 3.0)
    drawn = trend_plot.draw("t", trend, plot, [str(n) for n in range(60)], "words", "title")
    boxes = []
    for tag, its, words in _elements(drawn):
        if tag == "text" and words in ("+12.5 %", "a000001..a000002"):
            x, y, end = (
                float(its["x"]),
                float(its["y"]),
                its.get("text-anchor") == "end",
            )
            wide = trend_plot.WORDS - 6
            left = x - wide if end else x
            boxes.append(Box(left, y - 9, left + wide, y + 2))
    assert len(boxes) == 2 * len(steps)
    for number, box in enumerate(boxes):
        assert not any(box.meets(each) for each in boxes[:number])
        assert not [line for line in _lines(drawn) if box.crossed(*line)]


def _accuracy(name, value, cost=20.0, dense=False):
    return Point(
        name, Spread(2, cost, 1.0, cost, cost), Spread(2, value, 0.002, value, value), 1, dense
    )


def test_a_collapsed_method_does_not_squash_the_axis():
    """Two points of accuracy stay two hundred pixels; the third stands at the edge and says so."""
    points = [
        _accuracy("dense", 0.91, 40, True),
        _accuracy("slim", 0.90, 21),
        _accuracy("l2", 0.895, 20),
        _accuracy("gone", 0.10, 19),
    ]
    drawn = str(pareto_plot.draw("p", points, JOULES, "Joules"))
    assert "gone: 10.0 %, below the axis" in drawn and drawn.count('class="bar arrow') == 1
    places = dict(zip([point.name for point in points], _marks(drawn)))
    assert places["l2"][1] - places["dense"][1] > 100
    ticks = [
        float(words)
        for tag, its, words in _elements(drawn)
        if tag == "text" and its.get("text-anchor") == "end" and re.match(r"[0-9.]+$", words)
    ]
    assert min(ticks) > 80
    assert "gone: 10.0 % at 19.0 J, below the axis" in drawn


@pytest.mark.parametrize("values", [(0.91, 0.90, 0.87), (0.5, 0.1), (0.9, 0.7, 0.5, 0.3, 0.1)])
def test_what_is_merely_spread_out_is_drawn_where_it_is(values):
    """No arrow, no list."""
    points = [_accuracy("m{}".format(i), each, 20 + i, i == 0) for i, each in enumerate(values)]
    assert "below the axis" not in str(pareto_plot.draw("p", points, JOULES, "Joules"))


def test_dense_training_is_never_cut_off():
    """It is what all others are compared with."""
    points = [_accuracy("dense", 0.1, 40, True), _accuracy("a", 0.9), _accuracy("b", 0.91)]
    assert "below the axis" not in str(pareto_plot.draw("p", points, JOULES, "Joules"))


@given(some.floats(1e-3, 1e3), some.floats(1e-3, 1e3))
@settings(max_examples=150, deadline=None)
def test_every_panel_of_epochs_has_three_ticks(first, last):
    """A loss from 2.3 to 0.02 had one: nobody could read a value."""
    columns = {
        "loss": [first, last],
        "accuracy": [min(first, 999) / 1000, min(last, 999) / 1000],
        "seconds": [first, last],
        "joules": [first, last],
    }
    mine = Curves("slim", 1, ((0, [1, 2], columns),), ())
    parts = epoch_plot.panels("joules", [first, last], "")
    drawn = epoch_plot.draw("e", mine, None, epoch_plot.shared([mine], parts), parts)
    heights = [
        float(its["y"])
        for tag, its, _ in _elements(drawn)
        if tag == "text" and its.get("class") == "tick" and its.get("text-anchor") == "end"
    ]
    for panel in range(3):
        top = epoch_plot.TOP + panel * (epoch_plot.PANEL + epoch_plot.GAP)
        inside = [each for each in heights if top - 8 <= each <= top + epoch_plot.PANEL + 8]
        assert 3 <= len(inside) <= 6


@given(some.floats(-1e3, 1e3), some.floats(1e-3, 1e3))
@settings(max_examples=150, deadline=None)
def test_ticks_at_least_are_at_least(low, width):
    """And never so many that they touch."""
    found = axes.at_least(low, low + width, 3)
    assert 3 <= len(found) <= 6


@given(some.integers(pareto_plot.MOST_NAMES + 1, pareto_plot.MOST_BESIDE + 6))
@settings(max_examples=12, deadline=None)
def test_the_list_below_a_figure_of_many_methods_holds_those_that_lead(count):
    """All at one place, where few names fit: the list of them was longer than the figure."""
    one = Spread(3, 0.9, 0.01, 0.89, 0.91)
    points = [
        Point("method {}".format(number), Spread(3, 10.0, 1.0, 9.0, 11.0), one, 1, not number)
        for number in range(count)
    ]
    drawn = pareto_plot.draw("p", points, JOULES, "Joules")
    shown = [words for words, box in _names(drawn) if box.top > pareto_plot.BOTTOM]
    assert len(shown) <= 1 + len(pareto_plot.front(points)) and not hidden(drawn)
