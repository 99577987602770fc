"""Published tables as data: whole, plausible, matched by settings that exist, costs recounted."""

import csv
import re

import pytest
from rigs.printed import marked, one

from edgejoule import plugins
from edgejoule.bench import settings
from edgejoule.reports.papers import reference_tables
from edgejoule.reports.papers.own_runs import NOT_RECORDED
from edgejoule.reports.papers.paper_tables import UNITS

TABLES = {table.key: table for table in reference_tables.read()}
ROWS = {
    "spline_1": 46,
    "spline_2": 72,
    "spline_3": 17,
    "spline_4": 60,
    "spline_5": 24,
    "spline_6": 24,
    "spline_7": 12,
    "spline_8": 24,
    "spline_9": 12,
    "spline_10": 16,
    "spline_11": 18,
    "spline_12": 30,
    "spline_gains": 80,
    "snipit_1": 14,
    "snipit_2": 64,
    "snipit_3": 8,
    "snipit_4": 14,
    "masks_1": 36,
    "masks_2": 200,
    "survey_imp": 36,
    "survey_snip": 24,
    "survey_grasp": 112,
    "survey_polarization": 14,
    "survey_hrank_resnet": 15,
    "survey_hrank_densenet": 7,
    "survey_hrank_imagenet": 14,
}
EACH = pytest.mark.parametrize("key", sorted(TABLES))


def test_every_table_is_there_and_every_file_is_a_table():
    assert {key: len(table.rows) for key, table in TABLES.items()} == ROWS
    assert {path.stem for path in reference_tables.FOLDER.glob("*.csv")} == set(ROWS)


@EACH
def test_it_parses_and_has_the_columns_that_are_declared(key):
    table = TABLES[key]
    text = (reference_tables.FOLDER / (key + ".csv")).read_bytes().decode("ascii")
    lines = list(csv.reader(text.splitlines()))
    assert "\r" not in text and {len(line) for line in lines} == {len(lines[0])}
    told = set(table.block + table.keys) | {column.name for column in table.columns}
    told |= {column.spread for column in table.columns if column.spread}
    assert told | {"stage"} == set(lines[0]) | {"stage"}, "stage alone is told by the method"
    assert len(set(lines[0])) == len(lines[0])


@EACH
def test_numbers_lie_in_their_range(key):
    table = TABLES[key]
    for row in table.rows:
        for column in table.columns:
            if row[column.name] and column.range:
                low, high = column.range
                assert low <= float(row[column.name]) <= high, (row, column.name)
            if column.spread and row[column.spread]:
                assert 0 <= float(row[column.spread]) < 10
        assert not row.get("ratio") or 0 < float(row["ratio"]) < 1


@EACH
def test_rows_differ_and_all_hold_a_number(key):
    table = TABLES[key]
    told = [tuple(row[name] for name in table.block + table.keys) for row in table.rows]
    twins = {each for each in told if told.count(each) > 1}
    assert all(method == "HRank" for *_, method in twins), "HRank is shown at several sizes"
    for row in table.rows:
        assert any(row[column.name] for column in table.columns)


@EACH
def test_errata_name_rows_and_columns_that_are_there(key):
    table = TABLES[key]
    for erratum in table.errata:
        assert any(reference_tables.selects(erratum.where, row) for row in table.rows), erratum
        assert set(erratum.columns) <= {column.name for column in table.columns}
        assert len(erratum.reason.split()) > 5


@EACH
def test_a_rule_names_what_a_suite_may_set(key):
    """Every row's settings pass the check that a suite's do, and its quantities exist."""
    table, seen = TABLES[key], set()
    assert all(column.unit in UNITS for column in table.columns if column.ours)
    for row in table.rows:
        wanted = reference_tables.rule(table, row)
        if wanted is None or repr(wanted) in seen:
            continue
        seen.add(repr(wanted))
        plugins.check("models", wanted["model.name"])
        plugins.check("datasets", wanted["dataset.name"])
        settings.resolve(
            "prune",
            {
                name.split(".")[1]: value
                for name, value in wanted.items()
                if name.startswith("prune.")
            },
        )
        assert NOT_RECORDED not in wanted.values()
    assert {name.split(".")[0] for name in table.settings} <= {"train", "prune"}
    for name in table.settings:
        assert name.split(".")[1] in settings.TRAIN or name == "prune.rate"


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'spline_2'"):
        reference_tables.read(["spline_22"])
    assert [table.key for table in reference_tables.read(["masks"])] == ["masks_1", "masks_2"]


# Our own counters stand beside the printed costs.


@pytest.mark.parametrize(
    "name, images, epochs, model, published",
    [
        ("vgg16", 50000, 160, "VGG-16", "spline_2"),
        ("preresnet101", 50000, 160, "PreResNet-101", "spline_2"),
        ("resnet18", 1281167, 90, "ResNet-18", "spline_3"),
    ],
)
def test_our_counter_reproduces_the_dense_flops(name, images, epochs, model, published):
    torch = pytest.importorskip("torch")
    from edgejoule.prune import cost

    module = plugins.load("models", name)
    flops = cost.train_flops(
        module.build(1000 if epochs == 90 else 10, 3).eval(),
        torch.zeros((1,) + tuple(module.INPUT_SHAPE)),
        "paper",
    )
    found = flops * images * epochs / 1e15
    method = "Unpruned" if epochs == 90 else "SNIP"
    printed = one(published, "flops", model=model, method=method)
    if model == "PreResNet-101":  # its erratum
        assert found == pytest.approx(7.44, abs=0.005) and printed == 7.40
        assert 2 * found == pytest.approx(
            one("spline_2", "flops", model=model, method="LT (one-shot)"), abs=0.05
        )
    else:
        assert found == pytest.approx(printed, abs=0.05 if method == "SNIP" else 0.005)


@pytest.mark.parametrize(
    "name, key, model, macs, params",
    [
        ("resnet56", "survey_hrank_resnet", "ResNet-56", 125.49, 0.85),
        ("resnet110", "survey_hrank_resnet", "ResNet-110", 252.89, 1.72),
        ("densenet40", "survey_hrank_densenet", "DenseNet-40", 282.92, 1.05),
    ],
)
def test_our_networks_are_those_of_hrank(name, key, model, macs, params):
    torch = pytest.importorskip("torch")
    from edgejoule.prune import cost

    module = plugins.load("models", name)
    found = cost.count(module.build(10, 3).eval(), torch.zeros((1,) + tuple(module.INPUT_SHAPE)))
    assert found.forward_macs / 1e6 == pytest.approx(macs, abs=0.01)
    assert found.params / 1e6 == pytest.approx(params, abs=0.01)
    printed = one(key, "macs", model=model, method="Baseline")
    wrong = abs(printed - macs) > 0.005
    assert wrong == any(row["method"] == "Baseline" for row in marked(key, "macs"))


def test_the_wide_residual_network_has_what_its_erratum_says():
    from edgejoule.prune import cost

    torch = pytest.importorskip("torch")
    module = plugins.load("models", "wrn_16_8")
    found = (
        cost.count(module.build(10, 3).eval(), torch.zeros((1,) + tuple(module.INPUT_SHAPE))).params
        / 1e6
    )
    assert found == pytest.approx(10.96, abs=0.01)
    assert one("survey_snip", "params", model="WRN-16-8", method="SNIP") / 0.05 == pytest.approx(
        10.96
    )


def test_the_suite_of_table_2_answers_to_its_rows():
    """All but the lottery ticket and SNIP at 10 %, which it leaves out."""
    from edgejoule.bench import suite
    from edgejoule.reports.papers import own_runs, training_recipes

    cases = [case._asdict() for case in suite.read("spline-cifar").cases]
    table, missing = TABLES["spline_2"], []
    for row in table.rows:
        wanted = reference_tables.rule(table, row)
        found = [
            case
            for case in cases
            if all(own_runs.setting(case, key) == value for key, value in wanted.items())
        ]
        told = reference_tables.recipe(table, row)
        assert not [
            gap
            for case in found
            for gap in training_recipes.differences(case, told, table.settings, told["seeds"])
        ]
        missing += [] if found else [(row["method"], row["ratio"])]
    assert missing == [("LT (one-shot)", "0.1"), ("SNIP", "0.1")]


def test_the_suite_of_table_3_answers_to_its_rows():
    """Of the methods that we have; the others of the table are the papers' own numbers."""
    from edgejoule.bench import suite
    from edgejoule.reports.papers import own_runs

    cases = [case._asdict() for case in suite.read("spline-imagenet").cases]
    table, answered = TABLES["spline_3"], []
    for row in table.rows:
        wanted = reference_tables.rule(table, row)
        if wanted and any(
            all(own_runs.setting(case, key) == value for key, value in wanted.items())
            for case in cases
        ):
            answered.append((row["model"], row["method"], row["ratio"]))
    assert answered == [
        ("ResNet-18", "Unpruned", ""),
        ("ResNet-18", "NS", "0.1"),
        ("ResNet-18", "NS", "0.3"),
        ("ResNet-18", "EB Spline", "0.1"),
        ("ResNet-18", "EB Spline", "0.3"),
        ("ResNet-50", "Unpruned", ""),
        ("ResNet-50", "ThiNet", "0.3"),
        ("ResNet-50", "ThiNet", "0.5"),
        ("ResNet-50", "EB Spline", "0.3"),
        ("ResNet-50", "EB Spline", "0.5"),
    ]


def test_the_guide_names_every_table():
    root = reference_tables.FOLDER.parent.parent
    guide = (root / "docs" / "how-to" / "published-tables.md").read_text(encoding="utf8")
    for key in TABLES:
        assert key in guide or re.match(r"spline_([2-9]|1[01])$|snipit_[23]$", key)
