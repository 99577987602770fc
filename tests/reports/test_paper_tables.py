"""Our runs beside published rows: in the right cells, and "not run" everywhere else."""

import csv
import io
import json
import re

import numpy
import pytest
from rigs import bundles
from rigs.pages import HOSTILE, bare, outline

from edgejoule import command_line
from edgejoule.bench import rounds
from edgejoule.reports import tables
from edgejoule.reports.papers import own_runs, paper_page, paper_tables, reference_tables

PAPER = {
    "epochs": 160,
    "batch_size": 256,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "milestones": [0.5, 0.75],
    "decay": 0.1,
}
SPLINE = {"recipe": "one_shot", "criterion": "spline_pca", "ratio": 0.5}
DENSE = {"recipe": "dense"}


def record(label, prune, seed=0, model="vgg16", dataset="cifar10", train=PAPER, **changes):
    """A record as of a suite that trains like the paper, four epochs of it recorded."""
    document = bundles.record(label, prune, seed, **changes)
    document["case"]["model"]["name"], document["case"]["dataset"]["name"] = model, dataset
    document["case"]["train"] = dict(train, seed=seed)
    return document


def spline(seed=0, **options):
    return record("spline 0.5", SPLINE, seed, **options)


def filled(root, name="spline_2", **options):
    """The published table with the runs of a folder beside it."""
    (reference,) = reference_tables.read([name])
    return paper_tables.fill(reference, own_runs.gather([str(root)], **options))


def rows(made, **where):
    """The frame's rows with these values."""
    return [
        row
        for _, row in made.frame.iterrows()
        if all(row[key] == value for key, value in where.items())
    ]


def test_runs_appear_in_their_row_and_nowhere_else(tmp_path):
    root = bundles.write(tmp_path, [spline(seed, power="module") for seed in (0, 1, 2)])
    made = filled(root)
    (row,) = rows(made, model="VGG-16", dataset="CIFAR-10", method="Spline", ratio="0.5")
    assert row["runs"] == 3 and row["accuracy_ours"].mean == pytest.approx(0.951)
    assert row["energy_ours"].mean == pytest.approx(1.01 * 241, rel=0.01)
    assert row["power"] == "measured: rail VDD_IN (module) of Jetson TX2, mode MAXN"
    assert made.answered == 1 and made.possible == 72
    others = [each for _, each in made.frame.iterrows() if not each["runs"]]
    assert len(others) == 71 and all(each["accuracy_ours"] is None for each in others)
    text = tables.markdown(paper_tables.table(made))
    assert text.count(paper_tables.NOT_RUN) == 71 * 3
    assert "| Spline | 0.5 | 93.46 | 95.10 ± 0.10 | 603.4 |" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "vgg19"},
        {"dataset": "digits"},
        {"prune": dict(SPLINE, criterion="spline")},
        {"prune": dict(SPLINE, ratio=0.4)},
        {"prune": dict(SPLINE, recipe="iterative")},
    ],
)
def test_another_model_data_set_criterion_ratio_or_recipe_is_no_answer(tmp_path, changes):
    options = dict({"prune": SPLINE}, **changes)
    made = filled(bundles.write(tmp_path, [record("other", options.pop("prune"), **options)]))
    assert made.answered == 0


def test_without_a_sensor_joules_are_not_measured(tmp_path):
    made = filled(bundles.write(tmp_path, [spline()]))
    text = tables.markdown(paper_tables.table(made))
    assert text.count("| not measured \\[") == 1 and bundles.NO_SENSOR in text
    assert rows(made, runs=1)[0]["energy_ours"] is None


def test_a_convention_without_a_count_is_not_zero(tmp_path):
    document = spline()
    for each in document["phases"]:
        each["flops"]["paper"] = None
    text = tables.markdown(paper_tables.table(filled(bundles.write(tmp_path, [document]))))
    assert text.count("not counted") == 1 and paper_tables.NO_FLOPS in text


def test_what_differs_from_the_papers_training_is_a_footnote(tmp_path):
    seeds = range(5)  # as many as the paper's
    short = [spline(seed, train=dict(PAPER, epochs=20, batch_size=64)) for seed in seeds]
    text = tables.markdown(paper_tables.table(filled(bundles.write(tmp_path, short))))
    assert "not as published: epochs 20 (paper: 160) and batch size 64 (paper: 256)" in text
    alike = bundles.write(tmp_path / "b", [spline(seed) for seed in seeds])
    assert "not as published" not in tables.markdown(paper_tables.table(filled(alike)))


def test_one_epoch_of_sgd_is_no_80_epochs_of_adam_and_the_table_says_so(tmp_path):
    """Everything in which the run differs, not the first few."""
    case = record(
        "snip",
        {"recipe": "at_init", "saliency": "snip", "ratio": 0.90},
        model="lenet5",
        train=dict(PAPER, epochs=1, batch_size=64, learning_rate=0.1),
    )
    made = filled(bundles.write(tmp_path, [case]), "snipit_2")
    text = tables.markdown(paper_tables.table(made))
    (note,) = [line for line in text.splitlines() if "not as published" in line]
    for words in (
        "epochs 1 (paper: 80)",
        "optimizer SGD (paper: Adam)",
        "learning rate 0.1 (paper: 0.002)",
        "weight decay 0.0001 (paper: 5e-05)",
        "schedule times 0.1 after 50 % and 75 % of the epochs (paper: constant)",
        "batch size 64 (paper: 512)",
        "gradient clip none (paper: 10.0)",
        "augmentation crops after padding by 4 and 50 % mirrored (paper: 20 % mirrored)",
        "seeds 1 (paper: 5)",
    ):
        assert words in note
    assert note.count("(paper:") == 9 and " more" not in note
    (found,) = [each for each in paper_tables.records(made) if each["our_runs"]]
    assert found["differences"].count("(paper:") == 9
    assert found["trained"].startswith("epochs 80; optimizer Adam")


def test_a_table_tells_how_its_rows_were_trained_and_what_the_paper_keeps_to_itself(tmp_path):
    made = filled(bundles.write(tmp_path, [spline()]), "spline_2")
    text = tables.markdown(paper_tables.table(made))
    assert text.count(paper_tables.TRAINED) == 1
    assert "momentum 0.9" in text and "not told: gradient clip" in text
    made = filled(tmp_path / "quick", "snipit_4")
    text = tables.markdown(
        paper_tables.table(made)
    )  # 70 + 10 after training, twice as long for two
    assert text.count(paper_tables.TRAINED) == 3
    assert "epochs 70; retrain epochs 10" in text and "epochs 160" in text


def test_the_closest_settings_are_shown_and_the_others_told(tmp_path):
    short = [
        dict(
            spline(seed, train=dict(PAPER, epochs=2)), case_id="short-{}".format(seed), accuracy=0.5
        )
        for seed in (0, 1, 2)
    ]
    made = filled(bundles.write(tmp_path, short + [spline()]))
    (row,) = rows(made, runs=1)
    assert row["accuracy_ours"].mean == pytest.approx(0.95) and row["others"] == 1
    assert "1 set of runs of the same method" in tables.markdown(paper_tables.table(made))


def test_a_seed_counts_once_the_newest_run_of_it(tmp_path):
    """The same settings and seed in two runs folders."""
    old = bundles.write(tmp_path / "a", [dict(spline(), accuracy=0.4)])
    new = bundles.write(tmp_path / "b", [dict(spline(), finished_utc="2026-02-01T00:00:00Z")])
    pool = own_runs.gather([str(new), str(old)])
    (reference,) = reference_tables.read(["spline_2"])
    (row,) = rows(paper_tables.fill(reference, pool), runs=1)
    assert pool.count == 2 and row["accuracy_ours"].mean == pytest.approx(0.95)


def test_dense_rows_need_no_ratio_and_tickets_tell_their_epoch(tmp_path):
    early = dict(SPLINE, recipe="early_bird", detector="spline", compose="full")
    root = bundles.write(tmp_path, [record("dense", DENSE), record("early", early)])
    made = filled(root, "spline_6")
    (row,) = rows(made, model="VGG-16", method="EB (SGD)", ratio="0.5")
    assert row["epoch_ours"].mean == 2 and row["accuracy_ours"].mean == pytest.approx(0.95)
    (row,) = rows(made, model="VGG-16", method="Unpruned (SGD)")
    assert row["accuracy_ours"].mean == pytest.approx(0.98) and row["epoch_ours"] is None
    text = tables.markdown(paper_tables.table(made))
    assert "contradicts table 2" in text
    assert made.possible == 24 and paper_tables.NO_COUNTERPART not in text
    ensembles = tables.markdown(paper_tables.table(filled(root, "masks_2")))
    assert paper_tables.NO_COUNTERPART in ensembles


def test_a_ticket_answers_to_the_row_that_was_composed_like_it(tmp_path):
    """On CIFAR the schedule begins anew after the cut, on ImageNet the ticket trains on."""
    answered = {}
    for compose in ("full", "continue"):
        early = dict(SPLINE, recipe="early_bird", detector="spline", compose=compose)
        root = bundles.write(
            tmp_path / compose,
            [
                record("cifar", early),
                record("imagenet", early, model="resnet50", dataset="imagenet"),
            ],
        )
        answered[compose] = [filled(root, name).answered for name in ("spline_2", "spline_3")]
    assert answered == {"full": [1, 0], "continue": [0, 1]}


def test_weights_that_a_mask_removed_are_not_left(tmp_path):
    snip = {"recipe": "at_init", "saliency": "snip", "ratio": 0.95}
    stage = {"epochs": 4, "weights": 260000, "kept": 13000}
    document = record("snip", snip, model="vgg_d", facts={"masked": [stage]})
    made = filled(bundles.write(tmp_path, [document]), "survey_snip")
    (row,) = rows(made, runs=1)
    assert row["model"] == "VGG-D" and row["error_ours"].mean == pytest.approx(0.05)
    assert row["params_ours"].mean == 70000 - (260000 - 13000)


MASKS = {"recipe": "iterative_masks", "technique": "l1_us", "weights": "rewind", "rounds": 20}


def masks_run(folder, count=20, seeds=(0,), **options):
    """Finished runs of so many rounds; the accuracy after round k is 0.98 - k % + seed 0.1 %."""
    prune = dict(MASKS, rounds=count, **options)
    documents = [
        record(
            "masks",
            prune,
            seed,
            model="lenet",
            dataset="mnist",
            accuracy=0.98 - count / 100 + seed / 1000,
        )
        for seed in seeds
    ]
    root = bundles.write(folder, documents)
    for document, seed in zip(documents, seeds):
        writer = rounds.Writer(root / document["case_id"])
        for number in range(count + 1):
            flags = numpy.ones(1000, dtype=bool)
            flags[: number * 40] = False
            writer.add({"fc1.weight": flags}, 0.98 - number / 100 + seed / 1000, {})
        writer.close()
    return root


def test_one_run_answers_to_the_rows_of_all_its_rounds(tmp_path):
    """20 rows of masks_2 from 21 trainings, where a run for every row took 230."""
    made = filled(masks_run(tmp_path), "masks_2")
    assert made.answered == 20
    for number in range(1, 21):
        (row,) = rows(made, method="L1 unstructured", iteration=str(number))
        assert row["runs"] == 1
        assert row["accuracy_ours"].mean == pytest.approx(0.98 - number / 100)
    assert not rows(made, method="L1 structured", iteration="1")[0]["runs"]


def test_a_short_run_answers_to_its_rounds_alone_and_seeds_are_averaged(tmp_path):
    made = filled(masks_run(tmp_path, 3, seeds=(0, 1, 2)), "masks_2")
    assert (
        [row["iteration"] for row in rows(made, runs=3)]
        == ["1", "2", "3"]
        == [row["iteration"] for _, row in made.frame.iterrows() if row["runs"]]
    )
    (row,) = rows(made, method="L1 unstructured", iteration="2")
    assert row["accuracy_ours"].mean == pytest.approx(0.961)
    assert row["accuracy_ours"].sd == pytest.approx(0.001)


def test_a_run_that_kept_no_rounds_answers_to_its_last(tmp_path):
    document = record("masks", MASKS, model="lenet", dataset="mnist", accuracy=0.3)
    made = filled(bundles.write(tmp_path, [document]), "masks_2")
    assert [row["iteration"] for row in rows(made, runs=1)] == ["20"]


def test_rounds_that_cannot_be_read_cost_their_rows_and_not_the_run(tmp_path):
    root = masks_run(tmp_path)
    (path,) = root.glob("*/" + rounds.LIST)
    path.write_text("{")
    made = filled(root, "masks_2")
    assert [row["iteration"] for row in rows(made, runs=1)] == ["20"]


def test_networks_trained_on_without_rewinding_are_another_method(tmp_path):
    assert filled(masks_run(tmp_path, weights="keep"), "masks_2").answered == 0


def test_the_latest_night_of_a_history_counts(tmp_path):
    device = tmp_path / "history" / "jetson-tx2-ina3221"
    bundles.write(device / "2026-11-09", [dict(spline(), accuracy=0.3)], name="spline-cifar")
    for night in ("2026-11-09.2", "2026-11-09.10"):
        bundles.write(
            device / night,
            [dict(spline(), accuracy=0.9 if "10" in night else 0.2)],
            name="spline-cifar",
        )
    (reference,) = reference_tables.read(["spline_2"])
    pool = own_runs.gather(
        [str(bundles.write(tmp_path / "x", [record("dense", DENSE)]))], str(tmp_path / "history")
    )
    (row,) = rows(paper_tables.fill(reference, pool), runs=1)
    assert row["accuracy_ours"].mean == pytest.approx(0.9)


@pytest.mark.parametrize("power, words", [("fake", "FAKE POWER"), ("estimate", "ESTIMATED POWER")])
def test_power_that_was_not_measured_is_labelled_everywhere(tmp_path, power, words):
    made = filled(bundles.write(tmp_path, [spline(power=power)]))
    text = paper_page.page([made])
    assert "<title>" + words in text and text.count(words) >= 2
    assert words.lower() in tables.markdown(paper_tables.table(made))
    assert any(words.lower() in row["power"] for row in paper_tables.records(made))


def test_broken_bundles_are_counted(tmp_path):
    root = bundles.write(tmp_path, [spline()])
    (root / "broken").mkdir()
    (root / "broken" / "run.json").write_text("{")
    assert "1 bundle could not be read" in own_runs.aside_words(own_runs.gather([str(root)]))
    assert own_runs.aside_words(own_runs.Pool([])) == ""


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """All tables with a few runs, one of them hostile."""
    folder = tmp_path_factory.mktemp("papers")
    root = bundles.write(
        folder,
        [
            spline(0, power="module"),
            spline(1, power="module"),
            record(
                "hostile",
                dict(SPLINE, ratio=0.3),
                device=bundles.device("module", name=HOSTILE),
                power="module",
                train=dict(PAPER, batch_size=HOSTILE),
            ),
        ],
    )
    pool = own_runs.gather([str(root)])
    return [paper_tables.fill(each, pool) for each in reference_tables.read()]


def test_the_page_is_whole_self_contained_and_escaped(everything):
    text = bare(paper_page.page(everything))
    parsed = outline(text)
    assert not [tag for tag, _ in parsed.tags if tag in ("script", "link", "img", "iframe")]
    assert "<script" not in text and "\x1b" not in text and "&lt;script&gt;" in text
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in parsed.tags:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        link = attributes.get("href", "x.csv")
        assert link[1:] in ids if link.startswith("#") else re.match(r"^[\w.-]+$", link)
    assert text.count("<table") == len(everything) == 26
    assert len(text) < 1.5e6


def test_files_are_the_same_tables(everything, tmp_path):
    written = paper_page.write(everything, tmp_path / "out")
    assert sorted(written) == sorted(
        ["index.html", "tables.md", "tables.tex"]
        + [each.reference.key + ".csv" for each in everything]
    )
    latex = written["tables.tex"].read_text(encoding="utf8")
    assert latex.count(r"\begin{table}") == latex.count(r"\bottomrule") == 26
    for each in everything:
        text = written[each.reference.key + ".csv"].read_text(encoding="utf8")
        found = list(csv.DictReader(io.StringIO(text)))
        assert len(found) == len(each.frame)
        for row, printed in zip(found, each.reference.rows):
            for column in each.reference.columns:
                text = printed[column.name]
                assert (
                    row[column.name] == text
                    or text.startswith("-")
                    and float(row[column.name]) == float(text)
                )
    again = paper_page.write(everything, tmp_path / "again")
    assert all(path.read_bytes() == written[name].read_bytes() for name, path in again.items())


def test_the_command_lists_shows_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["papers"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"spline_2 +72 +72 +0", out) and "masks_2" in out
    bundles.write(tmp_path / "runs", [spline()], name="spline-cifar")
    assert command_line.main(["papers", "spline_2"]) == 0
    assert "95.0" in capsys.readouterr().out
    assert command_line.main(["papers", "spline", "--runs", "runs", "--json", "--out", "o"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == 1 and found["tables"][1]["have"] == 1
    assert [row["status"] for row in found["tables"][1]["rows"]].count("not run") == 71
    assert (tmp_path / "o" / "index.html").exists() and len(found["files"]) == 16


@pytest.mark.parametrize(
    "argv, words",
    [
        (["spline_99"], "Did you mean"),
        (["spline_2", "--runs", "nowhere"], "no runs there"),
        (["--history", "nowhere"], "there is no such folder"),
    ],
)
def test_a_refusal_is_one_line(tmp_path, monkeypatch, capsys, argv, words):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["papers"] + argv) == 4
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and words in captured.err
