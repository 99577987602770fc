"""A bundle that was changed or thinned is named, set aside and lost by nobody."""

import json
import os
import shutil

import pytest
from rigs import bundles

from edgejoule import command_line
from edgejoule.bench import bundle, manifest, records
from edgejoule.bench.history import night_rows, store
from edgejoule.bench.nights import trace_keeping
from edgejoule.reports import load

# of a record: what came after the first format
OPTIONAL = ("facts", "fingerprint", "hashed", "top5_accuracy")
FILES = ("case.json", "log", "plan.json", "run.json", "trace.json", "weights.pt")


def finished(folder, label="dense", seed=0, **changes):
    """A bundle as the runner leaves it; that folder."""
    document = bundles.record(label, seed=seed, hashed=True, **changes)
    path, _ = bundle.begin(folder, document["case_id"])
    for name in FILES:
        (path / name).write_bytes(b"some bytes of " + name.encode())
    (path / "run.json").write_text(json.dumps(document), encoding="utf8")
    return bundle.finish(path, folder, document["case_id"])


def flip(path):
    """Changes one bit in the middle of a file, its size left as it is."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def suite(folder):
    """A suite of two finished bundles; (suite folder, the first bundle)."""
    root = folder / "runs" / "quick"
    root.mkdir(parents=True)
    paths = [finished(root, seed=seed) for seed in (0, 1)]
    cases = [{"case_id": path.name, "label": "dense"} for path in paths]
    (root / "suite.json").write_text(
        json.dumps({"schema": 1, "name": "quick", "question": "?", "note": "", "cases": cases})
    )
    return root, paths[0]


def test_every_file_of_a_finished_bundle_is_in_its_manifest(tmp_path):
    path = finished(tmp_path)
    document = json.loads((path / manifest.NAME).read_text())
    assert sorted(document["files"]) == sorted(FILES + ("attempts",))
    assert document["files"]["log"]["bytes"] == (path / "log").stat().st_size
    assert not list(path.glob("*.part"))
    bundle.check(path)


@pytest.mark.parametrize("name", FILES + ("attempts", manifest.NAME))
def test_a_file_that_is_gone_is_named(tmp_path, name):
    path = finished(tmp_path)
    (path / name).unlink()
    with pytest.raises(ValueError) as caught:
        bundle.read(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_single_bit_is_found_with_what_to_do(tmp_path, name):
    path = finished(tmp_path)
    flip(path / name)
    with pytest.raises(ValueError) as caught:
        bundle.check(path)
    said = str(caught.value)
    assert name in said or name == "run.json"  # which may be no JSON any more
    if name != "run.json":
        assert "sha256" in said and "found" in said and "run the suite" in said


@pytest.mark.parametrize("name", FILES)
def test_a_list_of_many_hashes_the_record_and_sees_every_other_size(tmp_path, name):
    path = finished(tmp_path)
    with open(str(path / name), "ab") as file:
        file.write(b" ")
    with pytest.raises(ValueError) as caught:
        bundle.read(path)
    assert name in str(caught.value) and "found" in str(caught.value)


def test_a_manifest_that_was_thinned_is_seen(tmp_path):
    path = finished(tmp_path)
    document = json.loads((path / manifest.NAME).read_text())
    del document["files"]["weights.pt"]
    (path / manifest.NAME).write_text(json.dumps(document))
    (path / "weights.pt").unlink()
    with pytest.raises(ValueError, match="manifest.json was changed: .* digest"):
        bundle.read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"digest": 3}', "\xff\x00"])
def test_a_damaged_manifest_costs_a_sentence(tmp_path, text):
    path = finished(tmp_path)
    (path / manifest.NAME).write_text(text, encoding="latin1")
    with pytest.raises(ValueError, match=manifest.NAME):
        bundle.read(path)


def test_another_layout_of_the_same_manifest_is_the_same(tmp_path):
    path = finished(tmp_path)
    document = json.loads((path / manifest.NAME).read_text())
    (path / manifest.NAME).write_text(json.dumps(document, sort_keys=True))
    bundle.check(path)


def test_bundles_from_before_there_were_manifests_load_for_ever(tmp_path):
    root = bundles.suite(tmp_path)
    found = load.read(root)
    assert len(found.runs) == 8 and not found.aside
    assert all(bundle.check(path) for path in bundle.scan(root))


def test_a_file_of_somebody_elses_does_no_harm(tmp_path):
    path = finished(tmp_path)
    (path / "notes.txt").write_text("mine")
    bundle.check(path)
    assert manifest.strangers(path, manifest.read(path)) == ["notes.txt"]


def test_a_report_names_a_changed_bundle_and_counts_the_others(tmp_path):
    root, path = suite(tmp_path)
    text = (path / "run.json").read_text()
    (path / "run.json").write_text(text.replace('"seconds": 4.0', '"seconds": 3.0', 1))
    found = load.read(root)
    assert len(found.runs) == 1 and not found.missing
    (aside,) = found.aside
    assert aside.case_id == path.name and "run.json was changed" in aside.reason
    assert path.is_dir()  # moved nowhere


def test_a_trace_that_was_changed_is_not_drawn(tmp_path):
    path = finished(tmp_path)
    manifest.check_file(path, "trace.json")
    flip(path / "trace.json")
    with pytest.raises(ValueError, match="trace.json was changed"):
        manifest.check_file(path, "trace.json")
    manifest.check_file(path, "plan.json")


def test_show_says_in_one_line_what_was_changed(tmp_path, capsys):
    root, path = suite(tmp_path)
    flip(path / "weights.pt")
    assert command_line.main(["show", path.name, "--runs", str(root.parent)]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "weights.pt was changed" in said


def test_a_run_measures_a_changed_case_again_and_keeps_what_was_there(tmp_path, capsys):
    root, path = suite(tmp_path)
    assert bundle.is_done(root, path.name)
    flip(path / "trace.json")
    assert not bundle.is_done(root, path.name)
    assert (root / (path.name + ".corrupt") / "trace.json").is_file()
    assert "trace.json was changed" in capsys.readouterr().err


def test_a_night_counts_no_changed_bundle_though_its_index_knew_it(tmp_path):
    root, path = suite(tmp_path)
    night = tmp_path / "history" / "board" / "2026-01-01"
    night.mkdir(parents=True)
    shutil.copytree(str(root), str(night / "quick"))
    path = night / "quick" / path.name
    assert [row.status for row in store.rows(tmp_path / "history")] == ["none", "none"]
    (path / "weights.pt").unlink()
    rows = {row.case_id: row for row in store.rows(tmp_path / "history")}
    assert rows[path.name].status == "broken" and "weights.pt is gone" in rows[path.name].reason
    shutil.copy2(str(root / path.name / "weights.pt"), str(path / "weights.pt"))
    os.utime(str(path))
    assert [row.status for row in store.rows(tmp_path / "history")] == ["none", "none"]


def test_traces_that_the_nightly_removes_are_not_missed(tmp_path):
    root, path = suite(tmp_path)
    trace_keeping.remove([store.Night("board", "2026-01-01", "quick", root, {})])
    assert not (path / "trace.json").exists()
    bundle.check(path)
    (path / "plan.json").unlink()
    with pytest.raises(ValueError, match="plan.json is gone"):
        bundle.read(path)


@pytest.mark.parametrize("phases", [None, [], [{}], {}, [None], 3])
def test_a_record_without_phases_is_one_line_and_no_seed(tmp_path, capsys, phases):
    root = bundles.suite(tmp_path, methods=bundles.METHODS[:1])
    path = root / bundles.case_id("dense", 0)
    document = dict(bundles.record("dense"), phases=phases)
    (path / "run.json").write_text(json.dumps(document))
    assert command_line.main(["show", path.name, "--runs", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "phases" in said
    assert len(load.read(root).runs) == 1
    assert night_rows.read(path).status == "broken"


@pytest.mark.parametrize("name", [n for n in records.RunRecord._fields if n != "schema"])
def test_a_record_that_lacks_a_key_is_one_line(tmp_path, capsys, name):
    path = bundles.write(tmp_path, [bundles.record()]) / bundles.case_id("dense")
    document = bundles.record()
    if document.pop(name, None) is None and name in OPTIONAL:
        return
    (path / "run.json").write_text(json.dumps(document))
    code = command_line.main(["show", path.name, "--runs", str(tmp_path)])
    said = capsys.readouterr().err
    if name in OPTIONAL:
        assert code == 0
    else:
        assert code == 4 and said.count("\n") == 1 and name in said
