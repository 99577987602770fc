"""The page: self-contained, accessible, escaped, honest, and the same bytes every time."""

import re
from xml.etree import ElementTree

import pytest
from rigs import bundles
from rigs.pages import HOSTILE, bare, contrast, outline, palettes

from edgejoule.reports import gather, page


def _page(root, **options):
    return page.page(gather.report(root, **options))


@pytest.fixture(params=["module", "none", "fake", "hostile", "mixed", "partial", "empty"])
def made(request, tmp_path):
    """A page of each kind of suite."""
    kind = request.param
    if kind in ("module", "none", "fake"):
        return _page(bundles.suite(tmp_path, seeds=(0, 1, 2), power=kind))
    prune = {"recipe": "early_bird", "criterion": "slim", "ratio": 0.5}
    if kind == "hostile":
        return _page(
            bundles.write(
                tmp_path,
                [
                    bundles.record(),
                    bundles.record(
                        HOSTILE,
                        prune,
                        case_id="x y&z#",
                        warnings=[HOSTILE],
                        device=bundles.device("module", name=HOSTILE),
                        environment={HOSTILE: HOSTILE},
                        layers=[{"group": HOSTILE, "channels": 8, "kept": 4}],
                    ),
                ],
                question=HOSTILE,
                missing=[("m", HOSTILE)],
            )
        )
    if kind == "mixed":
        return _page(
            bundles.write(
                tmp_path, [bundles.record(power="module"), bundles.record("slim 0.5", power="none")]
            )
        )
    if kind == "partial":
        return _page(
            bundles.write(
                tmp_path, [bundles.record("slim 0.5", power="module")], missing=[("a", "dense")]
            )
        )
    return _page(bundles.write(tmp_path, [], missing=[("a", "dense")]))


def test_it_is_whole_html(made):
    """Every tag is closed in order; every figure is well-formed XML."""
    parsed = outline(made)
    assert [tag for tag, _ in parsed.tags[:2]] == ["html", "head"]
    for figure in re.findall(r"<svg.*?</svg>", made, re.S):
        ElementTree.fromstring(figure)


def test_nothing_is_loaded_from_anywhere(made):
    """No script but its own, no address, no import; the policy forbids the rest."""
    parsed = outline(bare(made))
    assert not [tag for tag, _ in parsed.tags if tag in ("script", "link", "img", "iframe")]
    for _, attributes in parsed.tags:
        assert not [
            name
            for name in attributes
            if name.startswith("on") or name in ("src", "srcset", "style", "data", "xlink:href")
        ], attributes
        address = attributes.get("href") or "#"
        assert not re.match(r"([a-z]+:|//)", address.lower()), address
    assert "url(" not in made and "@import" not in made
    policy = dict(parsed.tags[3][1])
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'")


def test_it_is_accessible(made):
    """Heads have a scope, figures a title and a text, identities are unique, links lead on."""
    parsed = outline(made)
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in parsed.tags:
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "rowgroup")
        if tag == "svg" and "aria-hidden" not in attributes:
            assert attributes["role"] == "img"
            assert set(attributes["aria-labelledby"].split()) <= set(ids)
        if attributes.get("href", "").startswith("#") and attributes["href"] != "#results":
            assert attributes["href"][1:] in ids
    assert dict(parsed.tags)["html"] == {"lang": "en"}
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.match("h[1-6]$", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:]))


def test_names_are_text_and_nothing_else(tmp_path):
    """Whatever a name holds, the reader sees it and the browser does not obey it."""
    prune = {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5}
    made = _page(
        bundles.write(
            tmp_path,
            [bundles.record(), bundles.record(HOSTILE, prune, case_id="x")],
            question=HOSTILE,
        )
    )
    assert "<script" not in bare(made) and "<img" not in made and "\x1b" not in made
    assert "<script>alert(1)</script>" in outline(made).text and "{{ 7*7 }}" in outline(made).text


def test_unknown_joules_are_never_zero(tmp_path):
    """On a machine without sensors every joule reads "not measured", with the reason."""
    root = bundles.suite(tmp_path)
    text = outline(_page(root)).text
    assert text.count("not measured") > 8 and bundles.NO_SENSOR in text
    assert not re.search(r"\b0(\.0+)? ?(J|kJ|mJ|joules)\b", text)
    joules = list(re.findall(r"<td class=\"number[^>]*>[^<]*", _page(root)))
    assert sum("not measured" in cell for cell in joules) == 4 * 2 + 1 + 4 * 3


def test_the_same_bundles_give_the_same_bytes(tmp_path):
    """Nothing of now, of here, or of a hash seed in it."""
    first = _page(bundles.suite(tmp_path / "a", power="module"))
    assert first == _page(bundles.suite(tmp_path / "elsewhere", power="module"))
    assert str(tmp_path) not in first


def test_fake_power_is_the_first_thing_said(tmp_path):
    """In the document's title, over the question, in the verdict, in every header of joules."""
    made = _page(bundles.suite(tmp_path, power="fake"))
    assert "<title>FAKE POWER" in made
    text = outline(made).text
    assert text.index("FAKE POWER constant 9.5 W") < text.index(bundles.QUESTION)
    assert "The power is fake (constant 9.5 W)" in text
    for header in re.findall(r"<th scope=\"col\"[^>]*>([^<]*Joules[^<]*)", made):
        assert "fake power" in header


def test_question_verdict_and_table_come_first(tmp_path):
    """In that order."""
    text = outline(_page(bundles.suite(tmp_path, power="module"))).text
    order = [
        text.index(words)
        for words in (
            bundles.QUESTION,
            "Verdict",
            "After the cut an epoch costs",
            "Results",
            "20.10",
        )
    ]
    assert order == sorted(order)


def test_without_a_question_it_says_so(tmp_path):
    """An empty headline would hide it."""
    root = bundles.suite(tmp_path)
    (root / "suite.json").unlink()
    assert "The question of this suite is not recorded." in outline(_page(root)).text


@pytest.mark.parametrize("which", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(which):
    """Text 4.5 to 1 on paper and on raised rows, marks and lines of a figure 3 to 1."""
    colours = palettes()[which]
    for name in ("ink", "muted", "link", "good", "bad", "even", "note"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("ink", "muted", "link"):
        assert contrast(colours[name], colours["raised"]) >= 4.5, name
    assert contrast(colours["banner"], colours["banner-ink"]) >= 4.5
    for number in range(8):
        assert contrast(colours["s{}".format(number)], colours["paper"]) >= 3.0
