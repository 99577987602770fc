"""A finished run as metrics: what was not measured is absent, and files are whole."""

import json

import pytest
from rigs import bundles, openmetrics_text

from edgejoule import command_line
from edgejoule.bench import records, run_metrics
from edgejoule.devices.exports import openmetrics

LABEL = "early-bird spline 0.5"


def exposed(**changes):
    """{name: {labels: number}} of a run."""
    record = records.from_json(json.dumps(bundles.record(LABEL, **changes)))
    text = openmetrics.openmetrics(run_metrics.families(record))
    return openmetrics_text.parse(text)


def by(found, name, *keys):
    """{values of some labels: number} of a metric."""
    return {
        tuple(dict(labels)[key] for key in keys): number
        for labels, number in found["edgejoule_" + name].items()
    }


def test_epochs_and_phases():
    found = exposed(power="module", seed=1, epochs=2)
    assert by(found, "epoch_joules", "phase", "epoch") == {
        ("search", "0"): pytest.approx(40.4),
        ("retrain", "1"): pytest.approx(20.2),
        ("retrain", "2"): pytest.approx(20.2),
    }
    assert by(found, "epoch_seconds", "epoch")[("0",)] == pytest.approx(4.04)
    flops = by(found, "epoch_flops", "epoch", "convention")
    assert flops[("0", "exact")] == 4e12 and ("0", "fvcore") not in flops
    assert set(by(found, "phase_joules", "phase", "turn")) == {
        ("search", "0"), ("score", "0"), ("retrain", "0")
    }  # fmt: skip
    run = by(found, "run_joules", "suite", "label", "seed", "device", "rail")
    total = sum(by(found, "phase_joules", "phase").values())
    assert run == {("quick", LABEL, "1", "Jetson TX2", "VDD_IN"): pytest.approx(total)}
    assert by(found, "run_accuracy_ratio", "seed") == {("1",): pytest.approx(0.966)}


def test_without_a_sensor_there_are_seconds_and_no_joules():
    found = exposed(power="none")
    assert "edgejoule_epoch_seconds" in found and "edgejoule_phase_flops" in found
    assert not [name for name in found if "joules" in name]


def test_a_reading_that_is_not_trusted_is_absent():
    document = bundles.record(LABEL, power="module", epochs=2)
    document["epochs"][1]["status"] = "invalid"
    document["phases"][0]["status"] = "invalid"
    record = records.from_json(json.dumps(document))
    found = openmetrics_text.parse(openmetrics.openmetrics(run_metrics.families(record)))
    assert set(by(found, "epoch_joules", "epoch")) == {("0",), ("2",)}
    assert set(by(found, "phase_joules", "phase")) == {("score",), ("retrain",)}
    assert "edgejoule_run_joules" not in found  # a partial sum is no total
    assert set(by(found, "phase_seconds", "phase")) == {("search",), ("score",), ("retrain",)}


def test_the_older_format_reads_it_alike():
    """The textfile collector of node_exporter knows the text format 0.0.4 and nothing newer."""
    older = pytest.importorskip("prometheus_client.parser")
    record = records.from_json(json.dumps(bundles.record(LABEL, power="module")))
    text = openmetrics.openmetrics(run_metrics.families(record))
    families = list(older.text_string_to_metric_families(text))
    assert all(family.type == "gauge" and family.samples for family in families)
    assert {family.name for family in families} == set(openmetrics_text.parse(text))


def test_phases_of_one_name_stay_apart():
    phases = bundles.record(LABEL, power="module")["phases"] * 2
    assert len(by(exposed(power="module", phases=phases), "phase_joules", "phase", "turn")) == 6


def test_fake_power_is_labelled_on_every_sample():
    for name, series in exposed(power="fake").items():
        assert all(dict(labels)["fake"] == "constant 9.5 W" for labels in series), name


@pytest.fixture
def runs(tmp_path):
    bundles.suite(tmp_path / "runs", power="module")
    return tmp_path / "runs"


def show(runs, *words):
    return command_line.main(["show", "spline-0.5-s0", "--runs", str(runs)] + list(words))


def test_the_command_writes_to_standard_output_or_a_file(runs, tmp_path, capsys):
    assert show(runs, "--openmetrics") == 0
    printed = capsys.readouterr().out
    assert "edgejoule_epoch_joules" in openmetrics_text.parse(printed)
    path = tmp_path / "quick.prom"
    path.write_text("of yesterday")
    assert show(runs, "--openmetrics", str(path)) == 0
    assert path.read_text() == printed and capsys.readouterr().out == ""
    # whole or not at all: nothing of the writing is left beside it
    assert sorted(each.name for each in tmp_path.iterdir()) == ["quick.prom", "runs"]


def test_a_file_that_cannot_be_written(runs, tmp_path, capsys):
    for place in (tmp_path / "none" / "a.prom", tmp_path):
        assert show(runs, "--openmetrics", str(place)) == 4
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and repr(str(place)) in err and "name a file" in err


def test_one_form_at_a_time(runs, capsys):
    with pytest.raises(SystemExit) as ended:
        show(runs, "--json", "--openmetrics")
    assert ended.value.code == 4 and "not allowed with" in capsys.readouterr().err
