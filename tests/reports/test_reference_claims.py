"""What the papers claim follows from their own printed numbers, except where an erratum says no."""

import pytest
from rigs.printed import TABLES, marked, numbers, one

from edgejoule.reports.papers import reference_tables

OURS = ("Spline", "EB Spline")


def test_gains_of_accuracy():
    """The better of our columns less each other method's: the claim is the least, or the range."""
    for row in TABLES["spline_gains"].rows:
        if row["quantity"] == "accuracy":
            gains = _accuracy_gains(row)
            printed = float(row["low"]), float(row["high"])
            right = (min(gains), max(gains) if row["low"] != row["high"] else min(gains))
            wrong = any(abs(a - b) > 0.0051 for a, b in zip(printed, right))
            assert wrong == _has_erratum(row), (row, right)


def _accuracy_gains(row):
    key, place = "spline_" + row["table"], {"model": row["model"], "dataset": row["dataset"]}
    gains = []
    for ratio in [row["ratio"]] if row["ratio"] else ["0.3", "0.5", "0.7"]:
        cells = {
            each["method"]: float(each["accuracy"])
            for each in TABLES[key].rows
            if all(each[name] == value for name, value in place.items()) and each["ratio"] == ratio
        }
        best = max(cells[name] for name in OURS)
        gains += [best - value for name, value in cells.items() if name not in OURS]
    return gains


def test_gains_of_cost():
    """The cheapest other method over the cheaper of ours, to one decimal."""
    for row in TABLES["spline_gains"].rows:
        if row["quantity"] != "accuracy" and row["ratio"]:
            cells = {
                each["method"]: float(each[row["quantity"]])
                for each in TABLES["spline_" + row["table"]].rows
                if all(each[name] == row[name] for name in ("model", "dataset", "ratio"))
            }
            ours = min(cells.pop(name) for name in OURS)
            wrong = abs(min(cells.values()) / ours - float(row["low"])) > 0.0501
            assert wrong == _has_erratum(row), row


def _has_erratum(row):
    return bool(reference_tables.reasons(TABLES["spline_gains"], row, "low"))


def test_the_range_of_table_9_does_not_begin_where_it_says():
    assert min(numbers("spline_9", "flops", method="ThiNet", ratio="0.7")) / one(
        "spline_9", "flops", method="Spline", ratio="0.7"
    ) == pytest.approx(0.86, abs=0.005)


def test_changes_are_differences():
    for row in TABLES["spline_3"].rows:
        for column in ("top1", "top5"):
            if row[column + "_change"]:
                dense = one("spline_3", column, model=row["model"], method="Unpruned")
                assert float(row[column]) - dense == pytest.approx(
                    float(row[column + "_change"]), abs=0.0051
                )
    for row in TABLES["survey_snip"].rows:
        if row["change"]:
            dense = one("survey_snip", "error", model=row["model"], method="Dense")
            assert float(row["error"]) - dense == pytest.approx(float(row["change"]), abs=0.0051)
    for row in TABLES["survey_polarization"].rows:
        assert float(row["baseline"]) - float(row["accuracy"]) == pytest.approx(
            float(row["drop"]), abs=0.0051
        )


@pytest.mark.parametrize("key", ["snipit_2", "snipit_3"])
def test_harmonic_means_follow_from_accuracy_and_sparsity(key):
    """Within what rounding both to whole per cent allows."""
    for row in TABLES[key].rows:
        if row["hm"]:
            a, s = float(row["accuracy"]), float(row["sparsity"])
            low, high = [2 * (a + d) * (s + d) / (a + s + 2 * d) for d in (-0.5, 0.5)]
            assert low - 0.5 <= float(row["hm"]) <= high + 0.5, row


def test_energies_scaled_from_flops():
    """Energy over dense is FLOPs over dense to four digits in the marked rows and in no other."""
    dense = {
        model: (
            one("spline_3", "energy", model=model, method="Unpruned"),
            one("spline_3", "flops", model=model, method="Unpruned"),
        )
        for model in ("ResNet-18", "ResNet-50")
    }
    for row in TABLES["spline_3"].rows:
        if row["method"] != "Unpruned":
            energy, flops = dense[row["model"]]
            gap = abs(float(row["energy"]) / energy - float(row["flops"]) / flops)
            assert (gap < 3e-4) == (row in marked("spline_3", "energy")), row


@pytest.mark.parametrize(
    "model, dataset, constant",
    [
        ("PreResNet-101", "CIFAR-10", 2574),
        ("PreResNet-101", "CIFAR-100", 2592),
        ("VGG-16", "CIFAR-10", 167.4),
        ("VGG-16", "CIFAR-100", 176.1),
    ],
)
def test_early_bird_energies_are_composed(model, dataset, constant):
    """Spline less EB Spline is one number at every ratio; a lottery ticket is twice SNIP."""
    energy = {
        method: numbers("spline_2", "energy", model=model, dataset=dataset, method=method)
        for method in ("Spline", "EB Spline", "SNIP", "LT (one-shot)", "ThiNet")
    }
    for spline, early in zip(energy["Spline"], energy["EB Spline"]):
        assert spline - early == pytest.approx(constant, abs=1.0)
    for snip, ticket in zip(energy["SNIP"], energy["LT (one-shot)"]):
        assert ticket == pytest.approx(2 * snip, abs=1.0)
    below = [each < energy["SNIP"][0] for each in energy["ThiNet"]]
    assert below == [False, model[0] == "P", model[0] == "P"]


def test_thinet_below_dense_is_marked():
    found = {
        (row["model"], row["dataset"], row["ratio"])
        for row in marked("spline_2", "energy")
        if row["method"] == "ThiNet"
    }
    assert found == {
        ("PreResNet-101", dataset, ratio)
        for dataset in ("CIFAR-10", "CIFAR-100")
        for ratio in ("0.5", "0.7")
    }


def test_ticket_epochs_contradict_the_flops():
    """61 dense epochs of PreResNet-101 cost more than a whole run, 24 of VGG-16 too little."""
    epochs = {
        model: one("spline_6", "epoch", model=model, method="EB (SGD)")
        for model in ("PreResNet-101", "VGG-16")
    }
    assert 3 * 0.31e9 * 50000 * epochs["PreResNet-101"] / 1e15 > one(
        "spline_2",
        "flops",
        model="PreResNet-101",
        dataset="CIFAR-10",
        method="EB Spline",
        ratio="0.7",
    )
    assert 3 * 0.63e9 * 50000 * (epochs["VGG-16"] + 160) / 1e15 < one(
        "spline_2", "flops", model="VGG-16", dataset="CIFAR-10", method="EB Spline", ratio="0.3"
    )
    assert len(marked("spline_6", "epoch")) == 4


@pytest.mark.parametrize(
    "key, columns",
    [("spline_4", ["accuracy", "flops"]), ("spline_9", ["flops"]), ("spline_11", ["flops"])],
)
def test_rows_carried_over_from_table_2(key, columns):
    """Table 4's and 11's rows of ours, and all FLOPs of table 9, are those of table 2."""
    second = {
        tuple(row[name] for name in ("model", "dataset", "method", "ratio")): row
        for row in TABLES["spline_2"].rows
    }
    for row in TABLES[key].rows:
        twin = second.get(tuple(row[name] for name in ("model", "dataset", "method", "ratio")))
        if twin:
            assert [float(row[name]) for name in columns] == [float(twin[name]) for name in columns]


def test_iterative_slimming_is_1_7_of_slimming():
    for row in TABLES["spline_11"].rows:
        if row["method"] == "NS-IP":
            base = one(
                "spline_2",
                "flops",
                model=row["model"],
                dataset=row["dataset"],
                method="NS",
                ratio=row["ratio"],
            )
            assert float(row["flops"]) / base == pytest.approx(1.70, abs=0.006)


def test_distances_above_one_half_are_marked():
    for row in TABLES["spline_12"].rows:
        if float(row["distance"]) > 0.5:
            assert row in marked("spline_12", "distance")


@pytest.mark.parametrize("key", ["snipit_1", "snipit_4"])
def test_disk_factors_beyond_the_weights_left_are_marked(key):
    for row in TABLES[key].rows:
        if row["storage_disk"]:
            most = 1 / (0.995 - float(row["weight_sparsity"]) / 100)
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
                    most = 100 * (1 - (left - 0.005) / (dense + 0.01))
                    least = 100 * (1 - (left + 0.01) / (dense - 0.005))
                    assert least - 0.1 <= removed <= most + 0.1, row
