"""Which published rows a suite will fill: the same that its finished runs are found to answer."""

import json
from types import SimpleNamespace

import pytest

from edgejoule import command_line
from edgejoule.bench import suite
from edgejoule.bench.estimates import published_rows
from edgejoule.reports.papers import planned_rows, reference_tables

# of the tables that a suite is made for, how many rows it fills
FILLS = {
    "spline-cifar": {"spline_1": 18, "spline_2": 70, "spline_4": 24, "spline_11": 12},
    "spline-ablations": {"spline_1": 28, "spline_2": 2, "spline_5": 12, "spline_10": 16},
    "spline-imagenet": {"spline_3": 10},
    "universality": {"spline_6": 24, "spline_7": 12},
    "leaky": {"spline_9": 12},
    "snapit": {"snipit_2": 24},
    "snapit-imagenette": {"snipit_2": 24},
    "snapit-mnist": {"snipit_3": 6},
    "snapit-nodes": {"snipit_4": 6},
    "snapit-nodes-imagenette": {"snipit_1": 6},
    "snapit-after": {"snipit_4": 2},
    "masks": {"masks_2": 160},
    "grasp": {"survey_grasp": 20},
    "grasp-resnet32": {"survey_grasp": 20},
    "lottery": {"survey_imp": 3},
    "lottery-lenet": {"survey_imp": 1},
}
WITHOUT_A_TABLE = {
    "quick",
    "digits-tour",
    "mechanism",
    "mechanism-vanilla",
    "masks-alexnet",
    "masks-vgg11",
}
# what a note tells because no setting of ours can make it alike
LEFT = {
    "snapit-imagenette": {"images"},
    "snapit-nodes-imagenette": {"images"},
}
SMALL = """
question = "Which rows?"
model = "lenet"
dataset = "mnist"
[train]
epochs = 30
batch_size = 32
learning_rate = 0.01
momentum = 0.0
weight_decay = 0.0
schedule = "constant"
seed = {seeds}
[[prune]]
recipe = "dense"
[[prune]]
recipe = "iterative_masks"
technique = "hybrid"
rounds = {rounds}
"""


def filled(name, *overrides):
    """{table: what is said of it} of a suite."""
    return {
        each["table"]: each for each in planned_rows.published(suite.read(name, overrides).cases)
    }


def test_every_suite_of_ours_fills_a_table_or_has_none():
    names = {path.stem for path in suite.SUITES.glob("*.toml")}
    assert names == set(FILLS) | WITHOUT_A_TABLE


@pytest.mark.parametrize("name", sorted(FILLS))
def test_a_suite_fills_its_tables_and_its_note_names_them(name):
    found = filled(name)
    assert {key: len(found[key]["filled"]) for key in FILLS[name]} == FILLS[name]
    note = suite.read(name).note
    for key in FILLS[name]:
        number = found[key]["number"]
        assert key in note or "able" in note and number.split()[0] in note, (key, number)


@pytest.mark.parametrize("name", sorted(FILLS))
def test_a_suite_trains_as_the_rows_that_it_is_made_for(name):
    """Nothing that a paper tells is otherwise, but for what the note says."""
    first = sorted(FILLS[name], key=lambda key: -FILLS[name][key])[0]
    for row in filled(name)[first]["filled"]:
        assert {gap[0] for gap in row["differences"]} == LEFT.get(name, set()), row


def test_all_of_tables_1_2_5_to_7_and_9_to_11_of_the_spline_paper_are_filled_by_some_suite():
    names = ("spline-cifar", "spline-ablations", "universality", "leaky")
    tables = [filled(name) for name in names]
    for key in ("1", "2", "5", "6", "7", "9", "10", "11"):
        found = {
            row["row"]
            for each in tables
            for row in each.get("spline_" + key, {"filled": []})["filled"]
        }
        (reference,) = reference_tables.read(["spline_" + key])
        assert len(found) == len(reference.rows), key


def test_leaky_networks_fill_no_row_of_those_with_relu():
    assert "spline_3" in filled("spline-imagenet")
    assert "spline_3" not in filled("spline-imagenet", "model.slope=0.01")
    assert set(filled("leaky")) == {"spline_9"}
    assert "spline_9" not in filled("spline-cifar")


def test_rows_of_another_start_or_optimiser_are_filled_by_those_runs_alone():
    cases = filled("universality")["spline_7"]["filled"]
    started = {row["row"]: row["cases"] for row in cases if "Unpruned" in row["row"]}
    for model in ("PreResNet-101", "VGG-16"):
        usual = started[model + " on CIFAR-10, Unpruned (Random Init.)"]
        adversarial = started[model + " on CIFAR-10, Unpruned (Adv. Init)"]
        assert len(usual) == len(adversarial) == 3 and not set(usual) & set(adversarial)
    optimised = filled("universality")["spline_6"]["filled"]
    dense = [tuple(row["cases"]) for row in optimised if "Unpruned" in row["row"]]
    assert len(set(dense)) == 8


def test_what_differs_from_the_paper_is_said_before_the_run():
    rows = filled("spline-cifar", "train.epochs=20", "train.label_smoothing=0.1")["spline_2"]
    for row in rows["filled"]:
        assert ["epochs", "20", "160"] in row["differences"]
        assert ["label smoothing", "0.1", "not told"] in row["differences"]


def test_a_run_answers_to_the_rounds_that_it_will_keep(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(rounds=3, seeds=[0, 1]))
    (table,) = planned_rows.published(suite.read(str(path)).cases)
    assert (table["table"], table["rows"], table["can_be_run"]) == ("masks_2", 200, 160)
    assert [row["row"] for row in table["filled"]] == [
        "LeNet on MNIST, hybrid {}".format(number) for number in (1, 2, 3)
    ]
    assert all(len(row["cases"]) == 2 for row in table["filled"])


def test_the_text_names_each_row_the_cases_and_what_is_lacking():
    rows = [
        {"row": "LeNet on MNIST, hybrid 1", "cases": ["a", "b"], "differences": []},
        {"row": "LeNet on MNIST, hybrid 2", "cases": ["a", "b"], "differences": [["x", 1, 2]]},
        {"row": "LeNet on MNIST, fc 1", "cases": ["c"], "differences": [["x", 1, 2]]},
    ]
    table = {"table": "t", "number": "2", "paper": "P", "rows": 9, "can_be_run": 7, "filled": rows}
    text = "\n".join(published_rows.lines([table]))
    assert "t, table 2 of P: 3 of 9 rows; 4 by no case; 2 without counterpart" in text
    assert "LeNet on MNIST, hybrid 1, 2              <- a and 1 more seed\n" in text
    assert "LeNet on MNIST, fc 1                     <- c\n" in text
    assert "not as published, in 2 rows: x 1 (paper: 2)" in text
    assert list(published_rows.lines([])) == [published_rows.NONE]


@pytest.mark.parametrize("json_asked", [True, False])
def test_a_dry_run_ends_with_the_published_rows(tmp_path, capsys, json_asked):
    pytest.importorskip("torch")
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(rounds=1, seeds=0))
    argv = ["run", str(path), "--dry-run", "--runs", str(tmp_path / "runs")]
    assert command_line.main(argv + ["--json"] * json_asked) == 0
    out = capsys.readouterr().out
    if json_asked:
        (table,) = json.loads(out)["published"]
        assert table["filled"][0]["row"] == "LeNet on MNIST, hybrid 1"
    else:
        assert "masks_2, table 2 of Similarity of masks: 1 of 200 rows; 159 by no case" in out
        assert "LeNet on MNIST, hybrid 1" in out.split("published rows")[1]


def test_a_plan_asked_for_without_the_tables_knows_none(tmp_path):
    plan_table = pytest.importorskip("edgejoule.bench.estimates.plan_table")
    asked = SimpleNamespace(name="none", question="?", cases=())
    assert plan_table.document(asked, tmp_path)["published"] is None
