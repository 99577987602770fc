"""Power over time: peaks survive thinning, hostile traces are a sentence, fake power says so."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from rigs import bundles
from rigs.pages import HOSTILE, bare, outline

from edgejoule.devices.trace import PowerTrace
from edgejoule.reports import gather, page, traces
from edgejoule.reports.figures import power_plot
from edgejoule.reports.sections import power_trace

BEGUN = 5000.0


def timed(label="dense", seed=0, power="module", **changes):
    """A record whose phases and epochs follow each other from 1 s after the first sample."""
    document = bundles.record(label, seed=seed, power=power, **changes)
    now = BEGUN + 1.0
    for phase in document["phases"]:
        phase["start_s"] = now
        for epoch in document["epochs"]:
            if epoch["phase"] == phase["name"]:
                epoch["start_s"], now = now, now + epoch["seconds"]
        phase["end_s"] = now = now + 0.5
    return document


def trace(count=400, watts=lambda i: 8.0 + i % 3, step=0.1, **changes):
    return dict(
        {
            "schema": 1,
            "rail": "VDD_IN",
            "times_s": [BEGUN + step * i for i in range(count)],
            "watts": [watts(i) for i in range(count)],
        },
        **changes,
    )


def suite(folder, documents, found):
    """Bundles with these traces (a dict, text or None) beside their records."""
    root = bundles.write(folder, documents)
    for document, each in zip(documents, found):
        if each is not None:
            text = each if isinstance(each, str) else json.dumps(each)
            (root / document["case_id"] / "trace.json").write_text(text, encoding="utf8")
    return root


def section(root):
    return str(power_trace.render(gather.report(root)))


def read(tmp_path, document):
    path = tmp_path / "trace.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return traces.read(path)


def test_the_format_is_that_of_the_meter(tmp_path):
    found = read(tmp_path, PowerTrace((3.0, 3.5, 4.5), (1.0, 2.0, 1.5), "VDD_IN").to_json())
    assert found.times_s.tolist() == [0, 0.5, 1.5] and found.watts.tolist() == [1, 2, 1.5]
    assert (found.rail, found.begun_s, found.seconds) == ("VDD_IN", 3.0, 1.5)


@pytest.mark.parametrize("count", [2, 3, 100, 5000])
def test_thinning_keeps_every_extreme_and_both_ends(tmp_path, count):
    dice = np.random.RandomState(count)
    watts = dice.gamma(2.0, 3.0, count).round(3).tolist()
    watts[count // 2] = 99.0
    found = read(tmp_path, trace(count, watts=lambda i: watts[i]))
    (line,) = traces.thinned(found)
    assert len(line) <= 2 * traces.BUCKETS + 4
    assert [t for t, _ in line] == sorted(t for t, _ in line)
    assert (line[0], line[-1]) == ((0.0, watts[0]), (found.seconds, watts[-1]))
    places = dict(zip(found.times_s.tolist(), watts))
    assert all(places[t] == w for t, w in line), "samples, not means of them"
    kept = np.array(line)
    edges = np.linspace(0, found.seconds, traces.BUCKETS + 1)
    for low, high in zip(edges, edges[1:]):
        inside = [w for t, w in places.items() if low + 1e-6 < t < high - 1e-6]
        if inside:
            near = kept[(kept[:, 0] >= low - 1e-6) & (kept[:, 0] <= high + 1e-6), 1]
            assert near.max() >= max(inside) and near.min() <= min(inside)


def test_a_line_breaks_at_a_gap(tmp_path):
    whole = trace(100)
    whole["times_s"] = [t + (30 if i >= 40 else 0) for i, t in enumerate(whole["times_s"])]
    lines = traces.thinned(read(tmp_path, whole))
    assert [round(line[0][0], 3) for line in lines] == [0.0, 34.0]
    jumps = trace(100)  # a counter's steps: two samples at one time
    jumps["times_s"] = [BEGUN + i // 2 for i in range(100)]
    assert len(traces.thinned(read(tmp_path, jumps))) == 1


@pytest.mark.parametrize("document", [trace(0), trace(1), trace(3, step=0.0), trace(0, rail=None)])
def test_a_trace_without_samples_over_time_is_none(tmp_path, document):
    assert read(tmp_path, document) is None


@pytest.mark.parametrize(
    "document, words",
    [
        ("{", "not JSON"),
        ("\x00\ud800".encode("utf8", "replace").decode(), "not JSON"),
        ("[1, 2]", "no power trace"),
        ({"schema": 2}, "no power trace"),
        (trace(rail="x", watts=lambda i: "8"), "watts is no list"),
        (trace(watts=lambda i: True), "watts is no list"),
        (trace(watts=lambda i: None), "no list"),
        (trace(times_s=3), "times_s is no list"),
        (trace(times_s=[1.0]), "1 times and 400 watts"),
        (trace(3, watts=lambda i: float("nan")), "beyond all measure"),
        (trace(3, watts=lambda i: float("inf")), "beyond all measure"),
        pytest.param(trace(3, watts=lambda i: 10**400), "beyond all measure", id="long"),
        (trace(3, step=-1.0), "run backwards"),
        ("[" * 100000, "too deeply"),
    ],
)
def test_what_is_no_trace_is_one_sentence(tmp_path, document, words):
    with pytest.raises(ValueError, match=words) as error:
        read(tmp_path, document)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="larger than is drawn"):
        read(tmp_path, trace())
    with pytest.raises(ValueError, match="cannot be opened"):
        traces.read(tmp_path / "nowhere")


def test_one_figure_per_method_with_links_to_all_seeds(tmp_path):
    documents = [timed(label, seed) for label in ("dense", "slim 0.5") for seed in (0, 1)]
    root = suite(tmp_path, documents, [trace()] * 4)
    text = section(root)
    assert text.count("<svg") == 2 and text.count("Raw trace:") == 2
    links = re.findall(r'<a href="([^"]*)">(seed \d)</a>', text)
    assert len(links) == 4 and links[0] == (
        "../{}/trace.json".format(documents[0]["case_id"]),
        "seed 0",
    )
    assert text.count("measured: rail VDD_IN (module) of Jetson TX2") == 2
    for figure in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(figure)
    assert "400 samples over 39.9 s, 8 to 10 W" in text.replace("8.00", "8").replace("10.0", "10")


def test_phases_are_shaded_and_epochs_ticked_where_they_were(tmp_path):
    document = timed("slim 0.5")
    text = section(suite(tmp_path, [document], [trace()]))
    shades = re.findall(
        r'<rect x="([\d.]+)" y="40" width="([\d.]+)" height="132" class="phase', text
    )
    assert len(shades) == 3 and "<title>dense: 1.00 to 17.5 s</title>" in text
    scale = (power_plot.RIGHT - power_plot.LEFT) / 39.9
    assert float(shades[0][0]) == pytest.approx(power_plot.LEFT + scale, abs=0.06)
    assert text.count('class="leader"') == 8 and power_trace.UNMARKED not in text


def test_old_records_are_drawn_without_phases(tmp_path):
    text = section(suite(tmp_path, [bundles.record(power="module")], [trace()]))
    assert text.count("<svg") == 1 and 'class="phase' not in text
    assert power_trace.UNMARKED in text


@pytest.mark.parametrize(
    "moment",
    ["soon", None, True, float("nan"), 1e300, -1e300, [1], pytest.param(10**400, id="long")],
)
def test_moments_that_are_none_leave_their_phase_unmarked(tmp_path, moment):
    document = timed()
    document["phases"][0]["start_s"] = document["epochs"][0]["start_s"] = moment
    text = section(suite(tmp_path, [document], [trace()]))
    assert 'class="phase' not in text and text.count('class="leader"') == 3


def test_without_a_trace_there_is_no_section(tmp_path):
    for number, (power, found) in enumerate(
        (("none", None), ("none", trace(0, rail=None)), ("module", trace(0)))
    ):
        root = suite(tmp_path / str(number), [bundles.record(power=power)], [found])
        assert section(root) == ""
        assert power_trace.TITLE not in page.page(gather.report(root))


@pytest.mark.parametrize("power, words", [("fake", "fake power"), ("estimate", "estimated power")])
def test_power_that_was_not_measured_says_so(tmp_path, power, words):
    text = section(suite(tmp_path, [timed(power=power)], [trace()]))
    figure = re.search(r"<figure>.*?</figure>", text, re.S).group()
    assert "Watts ({})".format(words) in figure and figure.count(words) >= 3


def test_a_hostile_trace_is_a_sentence_and_the_next_seed_is_drawn(tmp_path):
    documents = [timed(seed=0), timed(seed=1), timed("slim 0.5")]
    root = suite(
        tmp_path,
        documents,
        [trace(rail=HOSTILE, watts=lambda i: HOSTILE), trace(rail=HOSTILE), HOSTILE],
    )
    made = page.page(gather.report(root))
    text = outline(made).text
    assert (
        "the power trace of {}: watts is no list of numbers".format(documents[0]["case_id"]) in text
        and "not JSON" in text
    )
    assert "Power over time" in text and "seed 1" in text
    assert "<script" not in bare(made) and "\x1b" not in made


def test_figures_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(power_trace, "MOST", 2)
    methods = [
        ("m{}".format(i), {"recipe": "one_shot", "criterion": "slim", "ratio": i / 10})
        for i in range(1, 5)
    ]
    documents = [bundles.record(label, prune, power="module") for label, prune in methods]
    text = section(suite(tmp_path, documents, [trace(20000)] * 4))
    assert text.count("<svg") == 2 and "2 more methods not drawn" in text
    assert len(text) < 40000


def test_many_seeds_are_one_figure_and_few_links(tmp_path):
    documents = [
        dict(bundles.record(seed=0, power="module"), case_id="s{}".format(seed))
        for seed in range(11)
    ]
    for seed, document in enumerate(documents):
        document["case"]["train"]["seed"] = seed
    text = section(suite(tmp_path, documents, [trace(3)] * 11))
    assert text.count("<svg") == 1 and text.count("<a href") == power_trace.MOST
    assert "and 3 more among the raw files" in text


def test_the_ledger_tells_when_phases_and_epochs_began():
    """On the clock of the samples: a run with fake power is marked without a guess."""
    from edgejoule.bench.measure import Ledger
    from edgejoule.devices import choose
    from edgejoule.devices.meter import Meter

    with Meter(choose.open("auto", fake_power=8.0), period_s=0.02) as meter:
        ledger = Ledger(meter, lambda: None)
        for name in ("dense", "retrain"):
            with ledger.phase(name):
                with ledger.window("epoch") as trained:
                    sum(range(20000))
                with ledger.evaluation() as evaluated:
                    pass
                ledger.epoch(
                    trained,
                    evaluated,
                    1,
                    loss=1.0,
                    train_accuracy=0.5,
                    accuracy=0.5,
                    celsius=None,
                    learning_rate=0.1,
                    channels=3,
                )
        times = meter.trace().times_s
    dense, retrain = ledger.phases
    assert times[0] <= dense.start_s <= dense.end_s <= retrain.start_s <= retrain.end_s
    assert dense.start_s <= ledger.epochs[0].start_s <= dense.end_s
    assert dense.end_s - dense.start_s == pytest.approx(dense.seconds + dense.evaluation_seconds)
