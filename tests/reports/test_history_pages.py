"""The pages over all nights: verdict first, changes only, honest, escaped, the same every time."""

import json
import re
from xml.etree import ElementTree

import pytest
from rigs import bundles, histories
from rigs.pages import HOSTILE, bare, outline, write_history

from edgejoule import command_line
from edgejoule.reports.history import index_page, nightly_page, past

PAGES = ("index.html", "nightly.html", "trends.html", "pareto.html")
TWO = bundles.METHODS[:1] + bundles.METHODS[2:3]  # dense, slim 0.5


def _texts(history, **options):
    return {
        name: path.read_text(encoding="utf8")
        for name, path in write_history(history, **options).items()
    }


def _last(number, **changes):
    """A `document` that changes the night of that number alone."""
    return lambda night: changes if night == number else {}


def _hostile(folder):
    methods = (
        ("dense", {"recipe": "dense"}),
        (HOSTILE, {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5}),
    )
    return histories.make(
        folder,
        4,
        methods=methods,
        info={"name": HOSTILE},
        document=_last(
            3,
            verdict="FAIL",
            notes=[HOSTILE],
            context=HOSTILE,
            commit=HOSTILE,
            stage=HOSTILE,
            findings=[
                histories.finding(
                    3,
                    HOSTILE,
                    HOSTILE,
                    sentence=HOSTILE,
                    since={"night": HOSTILE, "commit": HOSTILE},
                )
            ],
            doctor={"before": [{"name": HOSTILE, "verdict": "warn", "found": HOSTILE}]},
        ),
    )


def _kind(kind, folder):
    if kind == "measured":
        return histories.make(folder, 12, TWO, (0, 1), histories.step(9, 1.08, "slim 0.5"))
    if kind == "fake":
        return histories.make(folder, 3, TWO, fake="constant 9.5 W")
    if kind == "hostile":
        return _hostile(folder)
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(params=["measured", "fake", "hostile", "empty"])
def made(request, tmp_path):
    """The files of each kind of history."""
    return _texts(_kind(request.param, tmp_path / "history"))


def test_pages_are_whole_and_load_nothing(made):
    """Tags close in order, figures are XML, nothing comes from anywhere, the policy says so."""
    for name in PAGES:
        parsed = outline(bare(made[name]))
        for figure in re.findall(r"<svg.*?</svg>", made[name], re.S):
            ElementTree.fromstring(figure)
        tags = [tag for tag, _ in parsed.tags]
        assert not {"script", "link", "img", "iframe"} & set(tags)
        for _, attributes in parsed.tags:
            assert not [
                key for key in attributes if key.startswith("on") or key in ("src", "style")
            ]
            assert not re.match(r"([a-z]+:|//)", (attributes.get("href") or "#").lower())
        assert dict(parsed.tags[3][1])["content"].startswith("default-src 'none'")


def test_hostile_names_stay_text(tmp_path):
    """Shown, not obeyed, in every page and table."""
    texts = _texts(_hostile(tmp_path))
    for name in PAGES:
        assert "<script" not in bare(texts[name]) and "<img" not in texts[name]
        assert "\x1b" not in texts[name] and "\u202e" not in texts[name]
    assert "<script>alert(1)</script>" in outline(texts["nightly.html"]).text
    assert "<script" not in texts["nightly.md"] and "\x1b" not in texts["nightly.csv"]


def test_the_same_history_gives_the_same_bytes(tmp_path):
    """Whether the index is cold or warm, wherever the history lies."""
    first = _texts(_kind("measured", tmp_path / "a"))
    assert first == _texts(tmp_path / "a")
    assert first == _texts(_kind("measured", tmp_path / "elsewhere" / "b"))


def test_verdict_and_changes_come_first(tmp_path):
    """With number, unit, interval, nights, commits and confirmation; the unchanged are folded."""
    histories.make(
        tmp_path, 5, TWO, document=_last(4, verdict="FAIL", findings=[histories.finding(3)])
    )
    page = _texts(tmp_path)["nightly.html"]
    text = outline(page).text
    order = [
        text.index(words)
        for words in (
            "1 regression, 1 unchanged.",
            "FAIL: quick on jetson-tx2-ina3221",
            "regression slim",
            "confirmed by an A/B",
            "+5.0 %",
            "[+4.6, +5.6] %",
            "2.000 kJ → 2.100 kJ",
            "over 3 nights",
            "last good 2026-01-03 (a000002), first changed 2026-01-04 (a000003)",
            "What differs from the night before",
            "All 2 methods",
        )
    ]
    assert order == sorted(order)
    assert page.index("<details>") < page.index('<table class="place-1" data-sort>')


def test_counts_add_up_to_the_methods(tmp_path):
    """A method of two findings counts once, under the kind that is listed first."""
    found = [
        histories.finding(3),
        histories.finding(3, metric="seconds", kind="improvement"),
        histories.finding(3, "random 0.5", confirmed=False),
        histories.finding(3, "gone 0.1", kind="missing"),
    ]
    histories.make(tmp_path, 5, document=_last(4, verdict="FAIL", findings=found))
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert "1 regression, 1 suspicion refuted, 1 missing, 2 unchanged." in text


def test_a_night_that_nobody_judged_is_not_called_unchanged(tmp_path):
    """Neither is an invalid one, or one whose gate had nothing to compare with."""
    for verdict, words in (
        (None, "2 not judged."),
        ("INVALID", "2 invalid."),
        ("INCONCLUSIVE", "2 not judged."),
    ):
        root = tmp_path / str(verdict)
        histories.make(root, 3, TWO, document=_last(2, verdict=verdict, stage="run"))
        text = outline(_texts(root)["nightly.html"]).text
        assert text.count(words) == 1 and "unchanged." not in text
        assert "the night stands at the stage run" in text


def test_a_hole_in_one_method_leaves_the_others_unchanged(tmp_path):
    """If they have the nights to be judged by."""
    found = [histories.finding(0, kind="not measured", confirmed=None)]
    histories.make(tmp_path, 12, TWO, document=_last(11, verdict="INCONCLUSIVE", findings=found))
    assert "1 not measured, 1 unchanged." in outline(_texts(tmp_path)["nightly.html"]).text


def test_a_finding_of_the_whole_night_is_one_of_every_method(tmp_path):
    """Nothing of an invalid night is compared."""
    found = [histories.finding(0, "", "", kind="invalid", confirmed=None, sentence="it was hot")]
    histories.make(tmp_path, 12, TWO, document=_last(11, verdict="INVALID", findings=found))
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert "2 invalid." in text and "the whole night: it was hot" in text


def test_the_trial_of_a_suspect_is_told_once(tmp_path):
    """Beside the change, not among the notes again."""
    histories.make(
        tmp_path,
        3,
        TWO,
        document=_last(
            2,
            verdict="FAIL",
            findings=[histories.finding(1)],
            notes=["slim 0.5: b against a: FAIL"],
            confirmation={"trials": [], "sentences": ["slim 0.5: b against a: FAIL"]},
        ),
    )
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert text.count("slim 0.5: b against a: FAIL.") == 1


def test_invalid_runs_carry_their_reasons(tmp_path):
    """A bundle that cannot be read, and one without joules."""
    histories.make(tmp_path, 3, TWO)
    night = tmp_path / histories.DEVICE / histories.day(2) / histories.SUITE
    (night / bundles.case_id("dense") / "run.json").write_text("{")
    broken = bundles.record("slim 0.5", seed=0, power="none", epochs=2)
    (night / broken["case_id"] / "run.json").write_text(json.dumps(broken))
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert "Runs without joules to be trusted" in text and "broken; " in text
    assert "joules not measured; " + bundles.NO_SENSOR in text


def test_differences_of_the_surroundings_are_named(tmp_path):
    """A power mode that changed overnight is on the page, heat is not."""
    histories.make(tmp_path, 2, TWO)
    histories.make(tmp_path, 1, TWO, first=2, info={"power_mode": "15W"})
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert "device.power_mode MAXN → 15W" in text and "celsius" not in text


def test_alarms_in_one_direction_are_suspicious(tmp_path):
    """Five regressions and no improvement point to a broken baseline.

    A regression that is found again in later nights counts once.
    """
    histories.make(
        tmp_path,
        15,
        TWO[:1],
        document=lambda n: {"verdict": "FAIL", "findings": [histories.finding(3)]} if n % 3 else {},
    )
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert "5 regressions and 0 improvements in 15 judged nights; alarms in one direction" in text


def test_fake_power_is_the_first_thing_said(tmp_path):
    """On every page, in the headers of joules, in the CSV."""
    texts = _texts(_kind("fake", tmp_path))
    for name in PAGES:
        assert "<title>FAKE POWER" in texts[name]
        assert outline(texts[name]).text.index("fake power: constant 9.5 W") < 160
    assert "Energy (J, fake power)" in texts["trends.html"]
    assert "fake power: constant 9.5 W" in texts["trends.csv"].splitlines()[1]


def test_the_index_leads_to_every_night(tmp_path):
    """Devices by suites, and a row per night with a link where there is a report."""
    histories.make(tmp_path, 3, TWO)
    histories.make(tmp_path, 2, TWO, device="orin", suite="tickets")
    night = tmp_path / "orin" / histories.day(1) / "tickets" / "report"
    night.mkdir()
    (night / "index.html").write_text("")
    page = _texts(tmp_path)["index.html"]
    text = outline(page).text
    assert "10 runs in 3 nights of 2 suites on 2 devices" in text and "no night" in text
    assert page.count('href="../orin/2026-01-02/tickets/report/index.html"') == 2
    assert page.count("<tr>") == 1 + 2 + 1 + 5


def test_trends_csv_is_tidy(tmp_path):
    """One number per line, base units, unknown empty."""
    texts = _texts(_kind("measured", tmp_path))
    lines = texts["trends.csv"].splitlines()
    assert lines[0] == (
        "device,suite,night,method,metric,unit,value,seeds,commit,power,surroundings"
    )
    assert len(lines) == 1 + 12 * 2 * 7
    assert ",2026-01-01,dense,seconds,s,8.04,2," in texts["trends.csv"]


def test_pareto_has_front_bars_and_dense(tmp_path):
    """And says how many nights it is made of."""
    page = _texts(_kind("measured", tmp_path))["pareto.html"]
    assert 'class="front"' in page and 'class="guide"' in page and 'class="bar s0"' in page
    assert '<td class="number">12</td>' in page


@pytest.mark.parametrize("junk", [None, [], {}, "x", -1, 1e999, True, ["x", {}, 3, None]])
def test_whatever_night_json_holds_there_is_a_page(tmp_path, junk):
    """It may be half written by hand, or by a later version."""
    keys = list(histories.document(histories.SUITE, 0)) + list(histories.finding(1))
    histories.make(tmp_path, 2, TWO[:1])
    night = tmp_path / histories.DEVICE / histories.day(1) / histories.SUITE
    for key in keys:
        document = dict(
            histories.document(histories.SUITE, 1),
            verdict="FAIL",
            findings=[dict(histories.finding(1), **{key: junk})],
        )
        document.update({key: junk} if key in document else {})
        (night / "night.json").write_text(json.dumps(document))
        found = past.gather(tmp_path, tmp_path / "report")
        outline(nightly_page.page(found, nightly_page.nights(found)))
        outline(index_page.page(found))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--history", "{nowhere}"], "no history at"),
        (["--device", "jetson"], "Did you mean 'jetson-tx2-ina3221'?"),
        (["--suite", "quik"], "Did you mean 'quick'?"),
        (["--night", "2020-01-01"], "no night called '2020-01-01'; the latest are: 2026-01-01"),
        (["--out", "{file}"], "a file of that name is in the way"),
    ],
)
def test_bad_requests_are_one_line_and_4(tmp_path, capsys, arguments, words):
    """No traceback."""
    history = histories.make(tmp_path / "history", 2, TWO)
    (tmp_path / "file").write_text("")
    given = [each.format(nowhere=tmp_path / "no", file=tmp_path / "file") for each in arguments]
    assert command_line.main(["history", "--history", str(history)] + given) == 4
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


def test_the_trial_of_an_earlier_night_still_holds(tmp_path):
    """A regression that nobody mended is told with the A/B that confirmed it."""
    histories.make(
        tmp_path,
        4,
        TWO,
        document=lambda n: (
            {
                "verdict": "FAIL",
                "findings": [histories.finding(1)],
                "confirmation": {"sentences": ["slim 0.5: b against a: FAIL"] if n == 1 else []},
            }
            if n
            else {}
        ),
    )
    text = outline(_texts(tmp_path)["nightly.html"]).text
    assert "On 2026-01-02: slim 0.5: b against a: FAIL." in text


def test_json_is_one_document(tmp_path, capsys):
    """With the counts of the night that was asked for."""
    histories.make(
        tmp_path, 3, TWO, document=_last(1, verdict="FAIL", findings=[histories.finding(1)])
    )
    assert (
        command_line.main(
            ["history", "--history", str(tmp_path), "--night", "2026-01-02", "--json"]
        )
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["headline"] == "1 regression, 1 unchanged."
    assert document["tonight"][0]["counts"]["regression"] == 1 and document["runs"] == 6
    assert len(document["files"]) == 13


def test_without_a_night_it_ends_with_3(tmp_path, capsys):
    """Nothing measured is never green."""
    assert command_line.main(["history", "--history", str(tmp_path)]) == 3
    assert "No night has been run." in capsys.readouterr().out
