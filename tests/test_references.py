"""Published tables as data: whole, plausible, errata provable from the numbers themselves."""
import csv
import re

import pytest

from bench import plugins, settings
from reports import reference_tables
from reports.own_runs import NOT_RECORDED
from reports.paper_tables import UNITS

TABLES = {table.key: table for table in reference_tables.read()}
ROWS = {"spline_1": 46, "spline_2": 72, "spline_3": 17, "spline_4": 60, "spline_5": 24,
        "spline_6": 24, "spline_7": 12, "spline_8": 24, "spline_9": 12, "spline_10": 16,
        "spline_11": 18, "spline_12": 30, "spline_gains": 80, "snipit_1": 14, "snipit_2": 64,
        "snipit_3": 8, "snipit_4": 14, "masks_1": 36, "masks_2": 200, "survey_imp": 36,
        "survey_snip": 24, "survey_grasp": 112, "survey_polarization": 14,
        "survey_hrank_resnet": 15, "survey_hrank_densenet": 7, "survey_hrank_imagenet": 14}
OURS = ("Spline", "EB Spline")
EACH = pytest.mark.parametrize("key", sorted(TABLES))


def numbers(key, column, **where):
    """The printed numbers of a column in rows with these values."""
    return [float(row[column]) for row in TABLES[key].rows
            if row[column] and all(row[name] == value for name, value in where.items())]


def one(key, column, **where):
    found = numbers(key, column, **where)
    assert len(set(found)) == 1, (key, column, where, found)
    return found[0]


def marked(key, column):
    """The rows whose number in this column has an erratum."""
    return [row for row in TABLES[key].rows
            if reference_tables.reasons(TABLES[key], row, column)]


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
        plugins.check("bench/models", wanted["model.name"])
        plugins.check("bench/datasets", wanted["dataset.name"])
        settings.resolve("prune", {name.split(".")[1]: value for name, value in wanted.items()
                                   if name.startswith("prune.")})
        assert NOT_RECORDED not in wanted.values()
    assert {name.split(".")[0] for name in table.settings} <= {"train", "prune"}
    for name in table.settings:
        assert name.split(".")[1] in settings.TRAIN or name == "prune.rate"


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'spline_2'"):
        reference_tables.read(["spline_22"])
    assert [table.key for table in reference_tables.read(["masks"])] == ["masks_1", "masks_2"]


# What the papers claim follows from their own columns, except where an erratum says no.

def test_gains_of_accuracy():
    """The better of our columns less each other method's: the claim is the least, or the range."""
    for row in TABLES["spline_gains"].rows:
        if row["quantity"] == "accuracy":
            gains = _accuracy_gains(row)
            printed = float(row["low"]), float(row["high"])
            right = (min(gains), max(gains) if row["low"] != row["high"] else min(gains))
            wrong = any(abs(a - b) > .0051 for a, b in zip(printed, right))
            assert wrong == _has_erratum(row), (row, right)


def _accuracy_gains(row):
    key, place = "spline_" + row["table"], {"model": row["model"], "dataset": row["dataset"]}
    gains = []
    for ratio in [row["ratio"]] if row["ratio"] else ["0.3", "0.5", "0.7"]:
        cells = {each["method"]: float(each["accuracy"]) for each in TABLES[key].rows
                 if all(each[name] == value for name, value in place.items())
                 and each["ratio"] == ratio}
        best = max(cells[name] for name in OURS)
        gains += [best - value for name, value in cells.items() if name not in OURS]
    return gains


def test_gains_of_cost():
    """The cheapest other method over the cheaper of ours, to one decimal."""
    for row in TABLES["spline_gains"].rows:
        if row["quantity"] != "accuracy" and row["ratio"]:
            cells = {each["method"]: float(each[row["quantity"]])
                     for each in TABLES["spline_" + row["table"]].rows if all(
                         each[name] == row[name] for name in ("model", "dataset", "ratio"))}
            ours = min(cells.pop(name) for name in OURS)
            wrong = abs(min(cells.values()) / ours - float(row["low"])) > .0501
            assert wrong == _has_erratum(row), row


def _has_erratum(row):
    return bool(reference_tables.reasons(TABLES["spline_gains"], row, "low"))


def test_the_range_of_table_9_does_not_begin_where_it_says():
    assert min(numbers("spline_9", "flops", method="ThiNet", ratio="0.7")) / one(
        "spline_9", "flops", method="Spline", ratio="0.7") == pytest.approx(.86, abs=.005)


def test_changes_are_differences():
    for row in TABLES["spline_3"].rows:
        for column in ("top1", "top5"):
            if row[column + "_change"]:
                dense = one("spline_3", column, model=row["model"], method="Unpruned")
                assert float(row[column]) - dense == pytest.approx(
                    float(row[column + "_change"]), abs=.0051)
    for row in TABLES["survey_snip"].rows:
        if row["change"]:
            dense = one("survey_snip", "error", model=row["model"], method="Dense")
            assert float(row["error"]) - dense == pytest.approx(float(row["change"]), abs=.0051)
    for row in TABLES["survey_polarization"].rows:
        assert float(row["baseline"]) - float(row["accuracy"]) == pytest.approx(
            float(row["drop"]), abs=.0051)


@pytest.mark.parametrize("key", ["snipit_2", "snipit_3"])
def test_harmonic_means_follow_from_accuracy_and_sparsity(key):
    """Within what rounding both to whole per cent allows."""
    for row in TABLES[key].rows:
        if row["hm"]:
            a, s = float(row["accuracy"]), float(row["sparsity"])
            low, high = [2 * (a + d) * (s + d) / (a + s + 2 * d) for d in (-.5, .5)]
            assert low - .5 <= float(row["hm"]) <= high + .5, row


def test_energies_scaled_from_flops():
    """Energy over dense is FLOPs over dense to four digits in the marked rows and in no other."""
    dense = {model: (one("spline_3", "energy", model=model, method="Unpruned"),
                     one("spline_3", "flops", model=model, method="Unpruned"))
             for model in ("ResNet-18", "ResNet-50")}
    for row in TABLES["spline_3"].rows:
        if row["method"] != "Unpruned":
            energy, flops = dense[row["model"]]
            gap = abs(float(row["energy"]) / energy - float(row["flops"]) / flops)
            assert (gap < 3e-4) == (row in marked("spline_3", "energy")), row


@pytest.mark.parametrize("model, dataset, constant", [
    ("PreResNet-101", "CIFAR-10", 2574), ("PreResNet-101", "CIFAR-100", 2592),
    ("VGG-16", "CIFAR-10", 167.4), ("VGG-16", "CIFAR-100", 176.1)])
def test_early_bird_energies_are_composed(model, dataset, constant):
    """Spline less EB Spline is one number at every ratio; a lottery ticket is twice SNIP."""
    energy = {method: numbers("spline_2", "energy", model=model, dataset=dataset, method=method)
              for method in ("Spline", "EB Spline", "SNIP", "LT (one-shot)", "ThiNet")}
    for spline, early in zip(energy["Spline"], energy["EB Spline"]):
        assert spline - early == pytest.approx(constant, abs=1.0)
    for snip, ticket in zip(energy["SNIP"], energy["LT (one-shot)"]):
        assert ticket == pytest.approx(2 * snip, abs=1.0)
    below = [each < energy["SNIP"][0] for each in energy["ThiNet"]]
    assert below == [False, model[0] == "P", model[0] == "P"]


def test_thinet_below_dense_is_marked():
    found = {(row["model"], row["dataset"], row["ratio"]) for row in marked("spline_2", "energy")
             if row["method"] == "ThiNet"}
    assert found == {("PreResNet-101", dataset, ratio) for dataset in ("CIFAR-10", "CIFAR-100")
                     for ratio in ("0.5", "0.7")}


def test_ticket_epochs_contradict_the_flops():
    """61 dense epochs of PreResNet-101 cost more than a whole run, 24 of VGG-16 too little."""
    epochs = {model: one("spline_6", "epoch", model=model, method="EB (SGD)")
              for model in ("PreResNet-101", "VGG-16")}
    assert 3 * .31e9 * 50000 * epochs["PreResNet-101"] / 1e15 > one(
        "spline_2", "flops", model="PreResNet-101", dataset="CIFAR-10", method="EB Spline",
        ratio="0.7")
    assert 3 * .63e9 * 50000 * (epochs["VGG-16"] + 160) / 1e15 < one(
        "spline_2", "flops", model="VGG-16", dataset="CIFAR-10", method="EB Spline", ratio="0.3")
    assert len(marked("spline_6", "epoch")) == 4


@pytest.mark.parametrize("key, columns", [("spline_4", ["accuracy", "flops"]),
                                          ("spline_9", ["flops"]), ("spline_11", ["flops"])])
def test_rows_carried_over_from_table_2(key, columns):
    """Table 4's and 11's rows of ours, and all FLOPs of table 9, are those of table 2."""
    second = {tuple(row[name] for name in ("model", "dataset", "method", "ratio")): row
              for row in TABLES["spline_2"].rows}
    for row in TABLES[key].rows:
        twin = second.get(tuple(row[name] for name in ("model", "dataset", "method", "ratio")))
        if twin:
            assert [float(row[name]) for name in columns] == [float(twin[name])
                                                              for name in columns]


def test_iterative_slimming_is_1_7_of_slimming():
    for row in TABLES["spline_11"].rows:
        if row["method"] == "NS-IP":
            base = one("spline_2", "flops", model=row["model"], dataset=row["dataset"],
                       method="NS", ratio=row["ratio"])
            assert float(row["flops"]) / base == pytest.approx(1.70, abs=.006)


def test_distances_above_one_half_are_marked():
    for row in TABLES["spline_12"].rows:
        if float(row["distance"]) > .5:
            assert row in marked("spline_12", "distance")


@pytest.mark.parametrize("key", ["snipit_1", "snipit_4"])
def test_disk_factors_beyond_the_weights_left_are_marked(key):
    for row in TABLES[key].rows:
        if row["storage_disk"]:
            most = 1 / (.995 - float(row["weight_sparsity"]) / 100)
            assert (float(row["storage_disk"]) > most) == (row in marked(key, "storage_disk")), row


def test_shares_removed_follow_from_what_is_left():
    """Of HRank's tables, which cut digits off, once DenseNet-40 has its 282.92 MMACs."""
    for key in ("survey_hrank_resnet", "survey_hrank_densenet"):
        for row in TABLES[key].rows:
            for column in ("macs", "params"):
                dense = one(key, column, model=row["model"], method="Baseline")
                dense = 282.92 if dense == 282.0 else dense
                if row[column] and row["method"] != "Baseline":
                    left, removed = float(row[column]), float(row[column + "_removed"])
                    most = 100 * (1 - (left - .005) / (dense + .01))
                    least = 100 * (1 - (left + .01) / (dense - .005))
                    assert least - .1 <= removed <= most + .1, row


# Our own counters stand beside the printed costs.

@pytest.mark.parametrize("name, images, epochs, model, published", [
    ("vgg16", 50000, 160, "VGG-16", "spline_2"),
    ("preresnet101", 50000, 160, "PreResNet-101", "spline_2"),
    ("resnet18", 1281167, 90, "ResNet-18", "spline_3")])
def test_our_counter_reproduces_the_dense_flops(name, images, epochs, model, published):
    torch = pytest.importorskip("torch")
    from prune import cost
    module = plugins.load("bench/models", name)
    flops = cost.train_flops(module.build(1000 if epochs == 90 else 10, 3).eval(),
                             torch.zeros((1,) + tuple(module.INPUT_SHAPE)), "paper")
    found = flops * images * epochs / 1e15
    method = "Unpruned" if epochs == 90 else "SNIP"
    printed = one(published, "flops", model=model, method=method)
    if model == "PreResNet-101":  # its erratum
        assert found == pytest.approx(7.44, abs=.005) and printed == 7.40
        assert 2 * found == pytest.approx(one(
            "spline_2", "flops", model=model, method="LT (one-shot)"), abs=.05)
    else:
        assert found == pytest.approx(printed, abs=.05 if method == "SNIP" else .005)


@pytest.mark.parametrize("name, key, model, macs, params", [
    ("resnet56", "survey_hrank_resnet", "ResNet-56", 125.49, .85),
    ("resnet110", "survey_hrank_resnet", "ResNet-110", 252.89, 1.72),
    ("densenet40", "survey_hrank_densenet", "DenseNet-40", 282.92, 1.05)])
def test_our_networks_are_those_of_hrank(name, key, model, macs, params):
    torch = pytest.importorskip("torch")
    from prune import cost
    module = plugins.load("bench/models", name)
    found = cost.count(module.build(10, 3).eval(), torch.zeros((1,) + tuple(module.INPUT_SHAPE)))
    assert found.forward_macs / 1e6 == pytest.approx(macs, abs=.01)
    assert found.params / 1e6 == pytest.approx(params, abs=.01)
    printed = one(key, "macs", model=model, method="Baseline")
    wrong = abs(printed - macs) > .005
    assert wrong == any(row["method"] == "Baseline" for row in marked(key, "macs"))


def test_the_wide_residual_network_has_what_its_erratum_says():
    from prune import cost
    torch = pytest.importorskip("torch")
    module = plugins.load("bench/models", "wrn_16_8")
    found = cost.count(module.build(10, 3).eval(),
                       torch.zeros((1,) + tuple(module.INPUT_SHAPE))).params / 1e6
    assert found == pytest.approx(10.96, abs=.01)
    assert one("survey_snip", "params", model="WRN-16-8", method="SNIP") / .05 == pytest.approx(
        10.96)


def test_the_suite_of_table_2_answers_to_its_rows():
    """All but the lottery ticket and SNIP at 10 %, which it leaves out."""
    from bench import suite
    from reports import own_runs
    cases = [case._asdict() for case in suite.read("spline-cifar").cases]
    table, missing = TABLES["spline_2"], []
    for row in table.rows:
        wanted = reference_tables.rule(table, row)
        found = [case for case in cases if all(
            own_runs.setting(case, key) == value for key, value in wanted.items())]
        assert all(own_runs.setting(case, key) == value for case in found
                   for key, value in table.settings.items())
        missing += [] if found else [(row["method"], row["ratio"])]
    assert missing == [("LT (one-shot)", "0.1"), ("SNIP", "0.1")]


def test_the_guide_names_every_table():
    guide = (reference_tables.FOLDER.parent.parent / "docs" / "papers.md").read_text(
        encoding="utf8")
    for key in TABLES:
        assert key in guide or re.match(r"spline_([2-9]|1[01])$|snipit_[23]$", key)
