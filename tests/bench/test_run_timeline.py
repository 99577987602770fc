"""A finished run as a timeline: phases, epochs, power, and what a bundle does not know."""

import json

import pytest
from rigs import bundles, trace_events

from edgejoule import command_line
from edgejoule.bench import records, run_timeline

BEGUN_S = 1000.0


def dated(document, begun_s=BEGUN_S):
    """The record with the moments that its phases and epochs began at, one after the other."""
    moment = begun_s
    for phase in document["phases"]:
        phase["start_s"] = moment
        for epoch in (each for each in document["epochs"] if each["phase"] == phase["name"]):
            epoch["start_s"] = moment
            moment += epoch["seconds"] + epoch["evaluation_seconds"]
        moment += 0.0 if moment > phase["start_s"] else 0.1
        phase["end_s"] = moment
    return document


def trace(seconds):
    found = bundles.trace(seconds)
    return dict(found, times_s=[BEGUN_S - 1 + each for each in found["times_s"]])


def shown(tmp_path, document, power=None, capsys=None):
    """(exit code, the document written or None, what was said) of `show --perfetto`."""
    folder = bundles.write(tmp_path, [document]) / document["case_id"]
    if power is not None:
        (folder / "trace.json").write_text(json.dumps(power))
    path = tmp_path / "out.json"
    code = command_line.main(["show", str(folder), "--perfetto", str(path)])
    err = capsys.readouterr().err
    return code, trace_events.checked(path.read_text()) if path.exists() else None, err


@pytest.fixture
def slim():
    return dated(bundles.record("slim 0.5", power="module"))


def test_phases_and_epochs_are_nested_slices_over_the_power(tmp_path, slim, capsys):
    code, found, err = shown(tmp_path, slim, trace(40), capsys)
    assert code == 0 and str(tmp_path / "out.json") in err and "ui.perfetto.dev" in err
    names = [name for name, _, _ in trace_events.slices(found)]
    assert names[:3] == ["slim 0.5", "dense", "epoch 1"] and "score" in names
    assert [trace_events.depth(found, name) for name in names[:3]] == [0, 1, 2]
    assert trace_events.slices(found)[2] == ("epoch 1", BEGUN_S, BEGUN_S + 4.0)
    assert max(watts for _, watts in trace_events.counter(found, "power VDD_IN")) == 14.0
    assert trace_events.counter(found, "hottest zone")[0] == (BEGUN_S + 4.0, 45.0)


def test_a_selected_epoch_shows_how_long_it_waited_for_its_data(tmp_path, slim):
    slim["epochs"][0]["loading_seconds"] = 1.5
    found = run_timeline.slices(records.RunRecord(**slim))
    epochs = [each for each in found if "epoch" in each.name]
    assert epochs[0].facts["loading_seconds"] == 1.5
    assert "loading_seconds" not in epochs[1].facts  # of an earlier version


def test_it_plays_as_the_bundles_own_trace_does(tmp_path, slim, capsys):
    _, found, _ = shown(tmp_path, slim, trace(40), capsys)
    assert {name: found[name] for name in trace(40)} == trace(40)


def test_what_an_old_record_does_not_date_is_said(tmp_path, capsys):
    code, found, err = shown(tmp_path, bundles.record(power="module"), trace(40), capsys)
    assert code == 0 and trace_events.slices(found) == []
    assert "not drawn: phase dense, 4 epochs; the record does not say when" in err


def test_a_phase_of_an_interrupted_attempt_is_said(tmp_path, slim, capsys):
    for each in slim["phases"][:1] + slim["epochs"][:4]:
        each["start_s"] = each["end_s"] = None
    _, found, err = shown(tmp_path, slim, trace(40), capsys)
    assert "dense" not in [name for name, _, _ in trace_events.slices(found)]
    assert "not drawn: phase dense, 4 epochs" in err


def test_without_samples_the_phases_are_drawn_and_it_is_said(tmp_path, slim, capsys):
    code, found, err = shown(tmp_path, slim, None, capsys)
    assert code == 0 and "no power is drawn" in err
    assert trace_events.slices(found) and trace_events.counter(found, "power") == []


def test_nothing_to_draw_is_one_line(tmp_path, capsys):
    code, found, err = shown(tmp_path, bundles.record(), None, capsys)
    assert code == 4 and found is None and "nothing to draw" in err
    assert [path.name for path in tmp_path.iterdir()] == ["quick"], "nothing is left behind"


def test_a_trace_that_is_none_is_one_line(tmp_path, slim, capsys):
    code, _, err = shown(tmp_path, slim, {"schema": 9}, capsys)
    assert code == 4 and "trace.json" in err and "found 9" in err


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, slim, capsys):
    folder = bundles.write(tmp_path, [slim]) / slim["case_id"]
    code = command_line.main(["show", str(folder), "--perfetto", str(tmp_path / "no" / "x")])
    assert code == 4 and "--perfetto" in capsys.readouterr().err
