"""Trends: steps with their commits, series that end with their surroundings, nights of holes."""

import re

from rigs import bundles, histories
from rigs.pages import outline

from edgejoule.reports.figures import trend_plot
from edgejoule.reports.history import past, trends

TWO = bundles.METHODS[:1] + bundles.METHODS[2:3]


def _page(history, **options):
    return trends.page(past.gather(history, history / "report", **options))


def _figure(page, title):
    """The figure whose title is this."""
    return [each for each in re.findall(r"<svg.*?</svg>", page, re.S) if title in each][0]


def test_a_step_shows_its_size_and_its_commits(tmp_path):
    """Where it happened, between the last good commit and the first changed one."""
    histories.make(tmp_path, 24, TWO, power=histories.step(15, 1.05, "slim 0.5"))
    page = _page(tmp_path)
    slim = _figure(page, "Joules of slim 0.5")
    assert re.search(r"\+(4|5)\.\d %", slim) and "a00000e..a00000f" in slim
    assert slim.count('class="level s1"') == 2
    dense = _figure(page, "Joules of dense")
    assert 'class="step"' not in dense and "no step" in dense


def test_a_counted_number_steps_at_any_change(tmp_path):
    """One parameter more is another work; where nothing changed, a sentence says so."""
    histories.make(tmp_path, 12, TWO)
    assert "the same in every night: FLOPs, Parameters" in outline(_page(tmp_path)).text
    for number in range(6, 12):
        path = (
            tmp_path
            / histories.DEVICE
            / histories.day(number)
            / histories.SUITE
            / bundles.case_id("slim 0.5")
            / "run.json"
        )
        path.write_text(path.read_text().replace('"params": 70000', '"params": 70700'))
    page = _page(tmp_path)
    assert "a000005..a000006" in _figure(page, "Parameters of slim 0.5")
    assert "+1.0 %" in _figure(page, "Parameters of slim 0.5")


def test_other_surroundings_begin_a_new_series(tmp_path):
    """No step across them, and a mark that says what changed."""
    histories.make(tmp_path, 10, TWO)
    histories.make(
        tmp_path, 10, TWO, first=10, power=histories.step(0, 1.5), info={"power_mode": "15W"}
    )
    dense = _figure(_page(tmp_path), "Joules of dense")
    assert 'class="step"' not in dense and 'class="border"' in dense
    assert "other surroundings from here: 15W instead of MAXN" in dense


def test_a_night_without_a_value_is_a_hole(tmp_path):
    """Marked with its reason; the line is not drawn across it."""
    histories.make(
        tmp_path, 9, TWO, document=lambda number: {"verdict": "INVALID"} if number == 4 else {}
    )
    dense = _figure(_page(tmp_path), "Joules of dense")
    assert "2026-01-05: an invalid night" in dense and dense.count('class="hole"') == 1
    assert dense.count('class="thread s0"') == 2 and dense.count('class="dot s0"') == 8


def test_every_dot_can_be_reached_and_leads_to_its_night(tmp_path):
    """A link where the night has a report, else a stop with a name."""
    histories.make(tmp_path, 4, TWO)
    report = tmp_path / histories.DEVICE / histories.day(2) / histories.SUITE / "report"
    report.mkdir()
    (report / "index.html").write_text("")
    dense = _figure(_page(tmp_path), "Joules of dense")
    assert dense.count("<title>2026-01-0") == 4 and dense.count('tabindex="0"') == 3
    assert 'href="../jetson-tx2-ina3221/2026-01-03/quick/report/index.html"' in dense
    assert "mean of 1 seed, commit a000002" in dense


def test_figures_of_a_metric_share_their_axes(tmp_path):
    """Whatever a method costs, the same percent is the same height."""
    histories.make(tmp_path, 10, TWO, power=histories.step(5, 1.2, "slim 0.5"))
    page = _page(tmp_path)
    grids = [
        re.findall(r'class="grid"', _figure(page, "Joules of " + label))
        for label in ("dense", "slim 0.5")
    ]
    ticks = [
        re.findall(r'class="tick">(-?\d+)</text>', _figure(page, "Joules of " + label))
        for label in ("dense", "slim 0.5")
    ]
    assert len(grids[0]) == len(grids[1]) and ticks[0] == ticks[1] and "20" in ticks[0]


def test_a_method_keeps_its_colour_when_another_joins(tmp_path):
    """Colours follow the first night, on every device."""
    histories.make(tmp_path, 3, bundles.METHODS[:1] + bundles.METHODS[2:])
    before = past.gather(tmp_path, tmp_path).colours
    histories.make(tmp_path, 1, bundles.METHODS, first=3)
    after = past.gather(tmp_path, tmp_path).colours
    assert before["dense"] == 0 and set(before.items()) < set(after.items())
    assert len(set(after.values())) == 4


def test_many_methods_without_a_step_are_folded(tmp_path):
    """The one with a step stays in sight."""
    methods = TWO + tuple(
        ("slim 0.{}".format(number), dict(TWO[1][1], ratio=number / 100))
        for number in range(10, 22)
    )
    histories.make(tmp_path, 20, methods, power=histories.step(12, 1.06, "slim 0.5"))
    page = _page(tmp_path)
    assert "13 methods without a step" in page
    assert page.index("Joules of slim 0.5") < page.index("Joules of dense")


def test_long_histories_have_dots_for_the_latest_nights_alone(tmp_path, monkeypatch):
    """The page stays light, and says so."""
    monkeypatch.setattr(trends, "DOTS", 14)
    histories.make(tmp_path, 20, TWO)
    page = _page(tmp_path)
    assert _figure(page, "Joules of dense").count('class="dot s0"') == 14
    assert "The latest 14 nights have dots" in outline(page).text


def test_days_below_an_axis_never_repeat():
    """First, last and some between."""
    assert trend_plot.ticks(["01-01"]) == [(0, "01-01")]
    assert [place for place, _ in trend_plot.ticks([str(i) for i in range(60)])] == [0, 30, 59]


def _trend(steps=(), heights=(0.0,) * 40):
    return trend_plot.Trend(
        "slim",
        1,
        (tuple(enumerate(heights)),),
        ((0, 39, 0.0),),
        steps,
        (),
        (),
        tuple(trend_plot.Dot(x, y, "n", "") for x, y in enumerate(heights)),
    )


def test_words_of_steps_never_cover_each_other():
    """Steps that are close get a row each, and the panel moves down."""
    close = _trend(((5, "+5 %", "a..b"), (8, "+5 %", "b..c"), (38, "+5 %", "c..d")))
    plot = trend_plot.plot([close, _trend()], 40, 3.0)
    assert trend_plot.rows(close, plot.x) == [0, 1, 0]
    assert plot.y.end == trend_plot.TOP + 2 * trend_plot.ROW
    assert trend_plot.plot([_trend()], 40, 3.0).y.end == trend_plot.TOP


def test_a_wild_night_does_not_flatten_the_others():
    """It is drawn at the edge, as a shape of its own; its words tell its value."""
    heights = (0.0,) * 20 + (40.0,) + (2.0,) * 19
    trend = _trend(heights=heights)
    plot = trend_plot.plot([trend], 40, 3.0)
    assert plot.y.high < 5
    drawn = trend_plot.draw("a", trend, plot, ["x"] * 40, "words", "title")
    assert drawn.count('class="wild"') == 1 and drawn.count("<circle") == 39
