"""Every page can be read by everybody: checked by axe in a browser, and fast without one."""

import re

import pytest
from rigs import browser_axe, bundles, histories
from rigs.pages import HOSTILE, bare, contrast, outline, palettes, write_history

from edgejoule.reports import gather, markup, page
from edgejoule.reports.papers import own_runs, paper_page, paper_tables, reference_tables

PAGES = ("suite", "papers", "index.html", "nightly.html", "trends.html", "pareto.html")
MISSING = (
    None
    if browser_axe.browser() and browser_axe.script()
    else ("needs chromium and axe-core: 'npm install axe-core' in a folder above, or AXE_PATH")
)
GRAVE = ("serious", "critical")
SURFACES = ("paper", "raised")
TEXTS = ("ink", "muted", "link", "good", "bad", "even", "note")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each page by its name: two devices, a step, a regression, a broken run, a hostile name."""
    folder = tmp_path_factory.mktemp("accessible")
    methods = bundles.METHODS + (
        (HOSTILE, {"recipe": "one_shot", "criterion": "l2", "ratio": 0.5}),
    )
    root = folder / "history"
    histories.make(root, 20, methods, (0,), histories.step(12, 1.08, "slim 0.5"), document=_night)
    histories.make(
        root,
        6,
        bundles.METHODS[:2],
        (0,),
        device="orin",
        suite="tickets",
        info={"name": "Orin"},
        fake="constant 9.5 W",
    )
    night = root / histories.DEVICE / histories.day(19) / histories.SUITE
    (night / bundles.case_id("dense") / "run.json").write_text("{")
    (night / "report").mkdir()
    (night / "report" / "index.html").write_text("")
    texts = {name: path.read_text(encoding="utf8") for name, path in write_history(root).items()}
    suite = bundles.suite(folder, (0, 1, 2), "fake")
    texts["suite"] = page.page(gather.report(suite))
    pool = own_runs.gather([str(suite)])
    texts["papers"] = paper_page.page(
        [paper_tables.fill(each, pool) for each in reference_tables.read(["spline"])]
    )
    return texts


def _night(number):
    kinds = ("regression", "improvement", "work changed", "missing", "not measured")
    if number != 19:
        return {"verdict": "INVALID"} if number == 5 else {}
    return {
        "verdict": "FAIL",
        "notes": ["it was hot"],
        "findings": [
            histories.finding(12, "slim 0.5", kind=kind, confirmed=None if place else True)
            for place, kind in enumerate(kinds)
        ],
        "doctor": {"before": [{"name": "clocks", "verdict": "warn", "found": "free"}]},
    }


@pytest.mark.slow
@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
@pytest.mark.parametrize("width", [500, 1440])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(made, tmp_path, name, dark, width):
    """With everything unfolded that is folded away; 500 is the narrowest window there is."""
    found = browser_axe.violations(made[name], tmp_path, dark, width)
    assert not [each for each in found if each["impact"] in GRAVE]


@pytest.mark.slow
@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_axe_would_find_something(made, tmp_path):
    """Grey on grey, and a picture without a name: the check above can fail."""
    bad = made["index.html"].replace(
        "<main", '<img src="data:,"><p style="color: #ccc; background: #ddd">unreadable</p><main'
    )
    found = {each["id"] for each in browser_axe.violations(bad, tmp_path)}
    assert {"image-alt", "color-contrast"} <= found


@pytest.mark.parametrize("name", PAGES)
def test_the_outline_is_sound(made, name):
    """A language, a title, one first heading, no level left out, one main, a way to skip to it."""
    parsed = outline(made[name])
    assert dict(parsed.tags)["html"]["lang"] == "en"
    assert re.search(r"<title>[^<]+</title>", made[name])
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.match("h[1-6]$", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:]))
    assert [tag for tag, _ in parsed.tags].count("main") == 1
    skip = [
        attributes["href"][1:] for _, attributes in parsed.tags if attributes.get("class") == "skip"
    ]
    assert skip and skip[0] in _ids(parsed)


@pytest.mark.parametrize("name", PAGES)
def test_tables_and_figures_have_names(made, name):
    """Heads have a scope, figures a title and words, and what can be reached has a name."""
    parsed = outline(made[name])
    ids = _ids(parsed)
    assert len(ids) == len(set(ids))
    for tag, attributes in parsed.tags:
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "rowgroup")
        if tag == "svg" and "aria-hidden" not in attributes:
            assert attributes["role"] in ("img", "group")
            assert set(attributes["aria-labelledby"].split()) <= set(ids)
        if attributes.get("tabindex") and tag != "svg":
            assert attributes["role"] in ("region", "img") and attributes["aria-label"]
        if tag in ("a", "g") and (attributes.get("class") or "").startswith("dot"):
            assert attributes.get("aria-label") or attributes.get("href")


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_with_links_is_no_single_image(made, name):
    """What is inside an image cannot be reached by a screen reader."""
    for figure in re.findall(r"<svg.*?</svg>", made[name], re.S):
        if "<a " in figure or "tabindex" in figure:
            assert figure.startswith('<svg role="group"')


@pytest.mark.parametrize("name", PAGES)
def test_nothing_comes_from_outside(made, name):
    """No script but the page's own, no address but links within the folder."""
    parsed = outline(bare(made[name]))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in parsed.tags}
    for _, attributes in parsed.tags:
        assert "src" not in attributes
        assert not re.match(r"([a-z]+:|//)", (attributes.get("href") or "#").lower())
    assert "url(" not in made[name] and "@import" not in made[name]


@pytest.mark.parametrize("which", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("surface", SURFACES)
def test_texts_and_signs_stand_out(which, surface):
    """4.5 to 1 on every surface that the pages of nights write on."""
    colours = palettes()[which]
    for name in TEXTS:
        assert contrast(colours[name], colours[surface]) >= 4.5, (name, surface)


def test_the_sheet_of_the_nights_brings_no_colour_of_its_own():
    """Else one theme would forget it; on paper alone a grey rule is allowed."""
    sheet = (markup.TEMPLATES / "history.css").read_text(encoding="utf8")
    assert not re.findall(r"#[0-9a-f]{3,6}\b", sheet.split("@media print")[0])


def _ids(parsed):
    return [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
