"""How a page reads: what stands first, what is folded, and nothing as Python writes it."""

import re

import pytest
from rigs import browser_boxes, bundles, histories
from rigs.pages import outline, write_history

from edgejoule.reports import gather, markup, page, phase_costs, quantity, surroundings
from edgejoule.reports.figures import epoch_plot, pareto_plot, trend_plot
from edgejoule.reports.papers import own_runs, paper_page, paper_tables, reference_tables

CHECKS = [
    {"name": "sensor", "verdict": "refuse", "found": "no power monitor", "mend": "fake it"},
    {"name": "load", "verdict": "warn", "found": "2.9 on 2 cores", "mend": "top"},
]
TWO = bundles.METHODS[:1] + bundles.METHODS[2:3]
needs_browser = pytest.mark.skipif(
    browser_boxes.browser() is None, reason="needs chromium, as `chromium` on the PATH"
)


def _checked(seed, label="dense"):
    """A run whose doctor said something else than that of the other seeds."""
    run = bundles.record(label, seed=seed, power="module", accuracy=0.9)
    checks = [dict(each, found="{} ({})".format(each["found"], seed)) for each in CHECKS]
    run["environment"].update(odd=[{"a": 1, "b": [1, 2]}, {"a": seed}], none=[], pair=[1, {"x": 2}])
    run["environment"]["before"].update(checks=checks)
    return run


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The report of a suite with checks, three seeds of two methods."""
    records = [_checked(seed, label) for label in ("dense", "slim 0.5") for seed in range(3)]
    return gather.report(bundles.write(tmp_path_factory.mktemp("reading"), records))


@pytest.fixture(scope="module")
def pages(suite, tmp_path_factory):
    """Every page there is, by name: suite, papers and those of a history."""
    folder = tmp_path_factory.mktemp("pages")
    histories.make(
        folder / "history",
        12,
        TWO,
        document=lambda number: (
            {"verdict": "FAIL", "findings": [histories.finding(10)], "doctor": {"before": CHECKS}}
            if number == 11
            else {}
        ),
    )
    for number, path in enumerate(sorted(folder.rglob("run.json"))):
        seed = number % 2
        text = path.read_text().replace(
            '"before": {',
            '"before": {"checks": [{"name": "load", "verdict": "ok", "found": "%d"}], '
            '"list": [{"a": %d}],' % (seed, seed),
            1,
        )
        path.write_text(text)
    made = {
        name: path.read_text(encoding="utf8")
        for name, path in write_history(folder / "history").items()
        if name.endswith(".html")
    }
    made["suite"] = page.page(suite)
    made["papers"] = _papers(suite)
    return made


def _papers(suite):
    pool = own_runs.gather([str(suite.bundles.folder)])
    return paper_page.page([paper_tables.fill(each, pool) for each in reference_tables.read()])


NAMES = ("suite", "papers", "index.html", "nightly.html", "trends.html", "pareto.html")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("written", ["{'", "[{", "['", "{&#39;", "[&#39;", "nan"])
def test_no_page_shows_what_python_writes(pages, name, written):
    """The doctor's checks filled a third of a page as a list of dicts."""
    text = re.sub(r"<(style|script)>.*?</\1>", "", pages[name], flags=re.S)
    assert not re.search(r"(?<![A-Za-z]){}(?![a-z])".format(re.escape(written)), text)


def test_what_differs_is_one_folded_table_of_checks_by_runs(pages):
    """A row per check that differs, a column per run."""
    made = re.search('<h2 id="environment">.*?</section>', pages["suite"], re.S).group()
    assert made.index("<details>") < made.index('<table class="environment"')
    heads = re.findall('<th scope="col">(.*?)</th>', made)
    assert heads[:3] == ["Entry", "dense, seed 0", "dense, seed 1"] and len(heads) == 7
    (row,) = re.findall('<tr><th scope="row">before.checks.load</th>(.*?)</tr>', made)
    assert re.findall("<td>(.*?)</td>", row)[:2] == [
        "warn: 2.9 on 2 cores (0)",
        "warn: 2.9 on 2 cores (1)",
    ]


def test_many_runs_are_cut_off_and_said_to_be(tmp_path):
    """A table of a hundred columns is none."""
    report = gather.report(bundles.write(tmp_path, [_checked(seed) for seed in range(30)]))
    text = outline(page.page(report)).text
    assert "Of the first 24 of 30 runs." in text


@pytest.mark.parametrize(
    "value, words",
    [
        ({"b": 2, "a": None}, "a unknown and b 2"),
        ([1, 2, 3], "1, 2 and 3"),
        ([{"x": True}], "x yes"),
        ({}, "unknown"),
        (0.1234567891, "0.123457"),
    ],
)
def test_values_are_words(value, words):
    assert surroundings.describe(value) == words


def test_the_answer_and_its_figure_come_before_all_else(pages):
    """Then what the runs say, and what limits the report is folded below that."""
    made = pages["suite"]
    order = [
        made.index(words)
        for words in (
            'class="answer ',
            'id="pareto-0-joules-title"',
            'id="grounds"',
            'id="results"',
        )
    ]
    assert order == sorted(order)


def test_sensor_errors_are_folded_below_the_answer(tmp_path):
    """Three lines of them stood above it."""
    made = page.page(gather.report(bundles.suite(tmp_path, (0, 1, 2))))
    power = made.index("Joules were not measured: " + bundles.NO_SENSOR)
    fold = made.rindex("<details>", 0, power)
    assert made.index('class="answer ') < fold and "</details>" not in made[fold:power]


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width, height", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("power", ["module", "fake", "none"])
def test_the_figure_stands_on_the_first_screen(tmp_path, width, height, power):
    """Whole, without scrolling, on a laptop and on a telephone."""
    made = page.page(gather.report(bundles.suite(tmp_path, (0, 1, 2), power)))
    (box,) = browser_boxes.boxes(made, ["figure svg"], tmp_path, width, height)[:1]
    assert box["bottom"] <= height and box["right"] <= width


def _tied(folder, power, count=4):
    """The report of methods that are not told apart, with a question of two lines.

    A few have the names of the core methods; names of many are as long as they get.
    """
    few, many = (
        [label for label, _ in bundles.METHODS] + ["l2 0.5"],
        "lottery 0.5 weights=keep at={}",
    )
    records = []
    for number in range(count):
        label = few[number] if count <= len(few) or not number else many.format(number)
        prune = {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5, "rho": number}
        for seed in range(3):
            run = bundles.record(label, {"recipe": "dense"} if not number else prune, seed, power)
            run["accuracy"] = 0.97 + 0.004 * ((seed * (number + 2)) % 3)
            for phase in run["phases"]:
                phase["seconds"] *= (1 + 0.02 * number) * (1 + 0.3 * ((seed + number) % 3))
            records.append(run)
    return gather.report(bundles.write(folder, records, question=QUESTION))


QUESTION = (
    "On handwritten digits, how do the core pruning methods compare at half of ResNet-20's "
    "channels or weights: which keep the accuracy, and which make training cheaper?"
)


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width, height", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("power, count", [("fake", 5), ("none", 5), ("none", 37)])
def test_a_long_answer_leaves_room_for_the_figure(tmp_path, width, height, power, count):
    """A question of two lines, a banner, many methods, and how sure it all is."""
    made = page.page(_tied(tmp_path, power, count))
    found = browser_boxes.boxes(made, [".answer", ".sure", "figure svg"], tmp_path, width, height)
    answer, sure, figure = found[:3]
    assert answer["bottom"] <= sure["top"] and sure["bottom"] <= figure["top"]
    assert figure["bottom"] <= height and figure["right"] <= width


@pytest.mark.parametrize("power", ["fake", "none"])
def test_the_first_screen_answers_which_method_and_how_sure(tmp_path, power):
    """In words before the figure: the verdict in two, the methods, the size, its interval."""
    made = page.page(_tied(tmp_path, power))
    text = outline(made).text.partition("Time of the whole run")[0]
    assert "Verdict: no winner yet" in text and "could not be told with 3 seeds" in text
    assert re.search(r"takes [0-9.]+ % (more|fewer) seconds over a whole run \(95 % interval", text)
    assert re.search(r"about [0-9]+ seeds|more than 200 seeds", text)


def test_an_answer_from_a_part_of_the_suite_says_so_beside_itself(tmp_path):
    """What is missing was folded away below the figure."""
    records = [bundles.record(label, seed=seed) for label, _ in bundles.METHODS for seed in (0, 1)]
    root = bundles.write(tmp_path, records, missing=[("late", "l2 0.5")])
    text = outline(page.page(gather.report(root))).text
    words = "1 of 9 cases have not finished: the answer is of the rest."
    assert text.index("Verdict") < text.index(words) < text.index("Accuracy against cost")


@pytest.mark.parametrize("power", ["fake", "estimate"])
def test_the_figure_shows_what_the_answer_compares(tmp_path, power):
    """Seconds, where joules are a constant times them; nothing of joules is for or against."""
    report = gather.report(bundles.suite(tmp_path, (0, 1, 2), power))
    made = page.page(report)
    assert "<figcaption>Time of the whole run</figcaption>" in made and ">Energy" not in made
    banner = re.search('<p class="banner">(.*?)</p>', made).group(1)
    assert "joules were not measured, the verdict compares seconds" in banner
    marked = re.findall('<(?:li|p) class="(?:answer )?(?:good|bad)">(.*?)</(?:li|p)>', made, re.S)
    assert marked and not [each for each in marked if "joule" in each.lower()]


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_its_screen(pages, tmp_path, name, width):
    """Wide tables scroll by themselves."""
    (box,) = browser_boxes.boxes(pages[name], ["html"], tmp_path, width, 900)
    assert box["scroll"] <= width


@pytest.mark.slow
@needs_browser
def test_a_table_sorts_by_a_head_and_filters(pages, tmp_path):
    """With the policy in force: only the page's own script runs."""
    found = browser_boxes.run(
        pages["trends.html"].replace("</main>", TABLE + "</main>"), SORT, tmp_path
    )
    assert found["before"] == ["none", "none"]
    assert found["once"] == ["0.5", "30", "2 k", "not measured"]
    assert found["twice"] == ["2 k", "30", "0.5", "not measured"]
    assert found["sorts"] == ["none", "descending"]


TABLE = """<div class="scroll"><table id="try" data-sort><thead><tr><th scope="col">Name</th>
<th scope="col" class="number">Value</th></tr></thead><tbody>
<tr><th scope="row">a</th><td>30</td></tr>
<tr><th scope="row">b</th><td>2 k</td></tr><tr><th scope="row">c</th><td>not measured</td></tr>
<tr><th scope="row">d</th><td>0.5</td></tr></tbody></table></div>"""
SORT = """
var table = document.getElementById("try"), heads = table.tHead.rows[0].cells;
function sorts() { return [].map.call(heads, function (h) {
  return h.getAttribute("aria-sort"); }); }
function cells() { return [].map.call(table.tBodies[0].rows, function (r) {
  return r.cells[1].textContent; }); }
var found = {before: sorts()};
heads[1].firstChild.click(); found.once = cells();
heads[1].firstChild.click(); found.twice = cells(); found.sorts = sorts();
return found;
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_allows_the_pages_own_script_alone(pages, name):
    """By its digest; the markup says which tables it may sort, and has no control without it."""
    text = pages[name]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert "script-src '{}';".format(markup.digest(script)) in text
    assert "<button" not in text and "<input" not in text and "unsafe-inline'; base" in text


def test_long_tables_may_be_sorted(pages):
    """Results, runs, layers, nights, published tables."""
    for name, classes in (
        ("suite", ("results", "raw", "layers", "environment")),
        ("index.html", ("nights",)),
        ("papers", ("spline-1",)),
    ):
        for class_ in classes:
            assert '<table class="{}" data-sort>'.format(class_) in pages[name]


def test_wide_tables_say_that_they_scroll(pages):
    """On a telephone the columns that answer lie off the screen."""
    made = pages["suite"]
    table = made.index('<table class="results"')
    assert made.rindex('class="hint"', 0, table) > made.rindex("</section>", 0, table)


def test_published_tables_without_a_run_of_ours_are_folded(pages):
    """They made a page of 18 000 pixels; the list of contents still leads to their headings."""
    parts = re.findall('<section class="papers".*?</section>', pages["papers"], re.S)
    assert len(parts) > 20
    for part in parts:
        head, _, rest = part.partition("</h2>")
        assert "none of them run here" in rest.partition("<table")[0] and "<h2 id=" in head


def test_a_published_table_with_runs_of_ours_is_open(tmp_path):
    (reference,) = [each for each in reference_tables.read() if each.key == "spline_1"]
    bundles.write(tmp_path, [bundles.record("dense", power="module")])
    filled = paper_tables.fill(reference, own_runs.gather([str(tmp_path)]))
    filled.frame.loc[0, "runs"] = 1
    part = re.search('<section class="papers".*?</section>', paper_page.page([filled]), re.S)
    assert "none of them run here" not in part.group()


def test_shares_of_phases_sum_to_a_hundred(tmp_path):
    """One by one they were rounded to 101."""
    run = bundles.record("early-bird spline 0.5", power="module")
    for phase, joules in zip(run["phases"], (10.5, 20.5, 69.0)):
        phase.update(joules=joules)
    table = phase_costs.phases(gather.report(bundles.write(tmp_path, [run])))
    shares = [int(row.cells[-1].main) for row in table.rows]
    assert shares[-1] == 100 and sum(shares[:-1]) == 100


@pytest.mark.parametrize(
    "values", [(33.3, 33.3, 33.4), (0.4, 0.4, 99.2), (12.5, 87.5), (100.0,), (0.5,) * 200]
)
def test_rounded_parts_keep_their_sum(values):
    found = quantity.summing(values, 100)
    assert sum(found) == 100 and all(abs(a - b) <= 1 for a, b in zip(found, values))


def test_counts_are_written_in_threes(tmp_path):
    """172032 bits could not be read."""
    made = page.page(gather.report(bundles.suite(tmp_path, (0,), "module")))
    assert "estimated from 8\u202f192 bits an epoch" in made
    assert quantity.grouped(172032) == "172\u202f032" and quantity.grouped(999) == "999"


@pytest.mark.parametrize("fake", ["constant 9.5 W", None])
def test_a_unit_stands_once(tmp_path, fake):
    """Twice in "Joules (fake power) of a whole run (J)"."""
    histories.make(tmp_path, 3, TWO, fake=fake)
    for path in write_history(tmp_path).values():
        text = outline(path.read_text(encoding="utf8")).text if path.suffix == ".html" else ""
        assert not re.search(r"Joules[^.;<]{0,40}\((k|M|m)?J\b", text)
        assert not re.search(r"Seconds[^.;<]{0,30}\((m?s|h)\b", text)


def _texts(folder):
    return outline(write_history(folder)["nightly.html"].read_text(encoding="utf8")).text


def test_a_night_is_compared_with_the_last_valid_one(tmp_path):
    """An invalid night recorded nothing, and 39 rows said "not recorded"."""
    histories.make(tmp_path, 4, TWO, document=lambda n: {"verdict": "INVALID"} if n == 2 else {})
    for run in (tmp_path / histories.DEVICE / histories.day(2)).rglob("run.json"):
        run.unlink()
    text = _texts(tmp_path)
    assert "not recorded" not in text
    assert "What differs from the last valid night, 2026-01-02" in text
    assert "git.commit a000001000 → a000003000" in text


def test_without_a_valid_night_there_is_nothing_to_compare_with(tmp_path):
    """No empty heading."""
    histories.make(tmp_path, 2, TWO, document=lambda n: {} if n else {"verdict": "INVALID"})
    assert "What differs from" not in _texts(tmp_path)


def test_nights_that_judged_nothing_are_not_called_judged(tmp_path):
    """A head of "5 not judged" stood above "1 judged night"."""
    histories.make(tmp_path, 3, TWO, document=lambda n: {"verdict": "INCONCLUSIVE"})
    text = _texts(tmp_path)
    assert "2 not judged." in text and "in 0 judged nights" in text


def test_a_change_of_fake_joules_has_no_colour(tmp_path):
    """Nothing follows from it; a change of seconds is a change."""
    findings = [histories.finding(1), histories.finding(1, "dense", "seconds")]
    histories.make(
        tmp_path,
        3,
        TWO,
        fake="constant 9.5 W",
        document=lambda n: {"verdict": "FAIL", "findings": findings} if n == 2 else {},
    )
    made = write_history(tmp_path)["nightly.html"].read_text(encoding="utf8")
    kinds = re.findall(r'<li class="(\w+)">\n<p class="what">', made)
    assert sorted(kinds) == ["bad", "even"]


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_a_night_of_fake_joules_is_neither_green_nor_red(tmp_path, verdict):
    """Its verdict stands in words."""
    found = {"verdict": verdict, "findings": [histories.finding(1)] if verdict == "FAIL" else []}
    histories.make(tmp_path, 3, TWO, fake="9.5 W", document=lambda n: found if n == 2 else {})
    made = write_history(tmp_path)["nightly.html"].read_text(encoding="utf8")
    assert '<span class="sign even" aria-hidden="true">' in made and verdict + ": quick" in made
    assert 'class="sign good"' not in made and 'class="sign bad"' not in made


def test_text_in_figures_is_not_larger_than_the_headings_over_it():
    """A figure that is stretched stretches its letters: 12 px were 16 in the trends."""
    sheets = "".join(
        (markup.TEMPLATES / name).read_text(encoding="utf8")
        for name in ("style.css", "history.css")
    )
    caption = 16 * 0.9  # pixels of a figcaption
    for kind, wide, letter in (
        ("wide", pareto_plot.WIDTH, 12),
        ("narrow", epoch_plot.WIDTH, 10.5),
        ("pairs", 420, 12),
        ("multiples", trend_plot.WIDTH, 12),
    ):
        most = float(re.search(r"\.{} figure {{ max-width: ([0-9.]+)rem".format(kind), sheets)[1])
        assert 16 * most / wide * letter <= caption, kind
