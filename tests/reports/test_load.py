"""Bundles in: what is broken is named and set aside, what is missing is counted, never a crash."""

import json

import pytest
from rigs import bundles

from edgejoule.reports import gather, load, page

TWO = bundles.METHODS[:2]


def test_runs_come_in_the_order_of_the_suite(tmp_path):
    """The suite's order, not the alphabet's."""
    found = load.read(bundles.suite(tmp_path, methods=tuple(reversed(TWO)), seeds=(1, 0)))
    assert [(run.record.label, run.record.case["train"]["seed"]) for run in found.runs] == [
        ("random 0.5", 1),
        ("random 0.5", 0),
        ("dense", 1),
        ("dense", 0),
    ]
    assert found.question == bundles.QUESTION and not found.aside and not found.missing


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "not a run record"),
        (b'{"schema": 1, "suite', "not a run record"),
        (b"\xff\xfe\x00", "codec"),
        (b"[1, 2]", "no schema"),
        (b'{"schema": 99}', "update"),
        (b'{"schema": 1}', "missing"),
        (b"[" * 100000, "recursion"),
        (b'{"schema": 1e999}', "schema"),
    ],
    ids=("empty", "cut", "binary", "list", "future", "partial", "deep", "infinite"),
)
def test_a_corrupt_bundle_is_named_and_the_rest_reported(tmp_path, content, reason):
    """Whatever the bytes, one bundle falls out and no other."""
    root = bundles.suite(tmp_path, methods=TWO)
    broken = root / bundles.case_id("dense", 0)
    (broken / "run.json").write_bytes(content)
    found = load.read(root)
    assert len(found.runs) == 3 and not found.missing
    (aside,) = found.aside
    assert aside.case_id == broken.name and reason in aside.reason.lower()
    assert broken.name in page.page(gather.report(root))


def test_a_bundle_without_a_record_is_set_aside(tmp_path):
    """A folder of a case with nothing in it is not a missing case: something went wrong."""
    root = bundles.suite(tmp_path, methods=TWO)
    (root / bundles.case_id("dense", 0) / "run.json").unlink()
    assert load.read(root).aside[0].reason == "it has no run.json"


@pytest.mark.parametrize(
    "key, value",
    [
        ("accuracy", 1.5),
        ("accuracy", None),
        ("accuracy", "high"),
        ("accuracy", True),
        ("accuracy", float("nan")),
        ("phases", [{}]),
        ("epochs", None),
        ("final", {"params": "many"}),
        ("device", None),
        ("warnings", None),
        ("warnings", [3]),
        ("environment", []),
        ("layers", [1]),
        ("ticket", {"epoch": 1}),
        ("case", {}),
        ("finished_utc", None),
        ("label", ["x"]),
    ],
)
def test_a_record_with_a_broken_part_is_set_aside(tmp_path, key, value):
    """A record that parses but is not one."""
    root = bundles.suite(tmp_path, methods=TWO)
    document = dict(bundles.record("dense", seed=0), **{key: value})
    (root / document["case_id"] / "run.json").write_text(json.dumps(document))
    found = load.read(root)
    assert len(found.runs) == 3 and found.aside[0].case_id == document["case_id"]


def _leaves(value, path=()):
    """Paths to everything inside nested lists and dicts; of a list only the first entry."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _leaves(value[key], path + (key,))
    elif isinstance(value, list) and value:
        yield from _leaves(value[0], path + (0,))


def _replaced(document, path, value):
    copy = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


def test_no_value_anywhere_in_a_record_brings_the_report_down(tmp_path):
    """Every field replaced by nonsense: the run is set aside or the page is made."""
    whole = bundles.record("early-bird spline 0.5", epochs=1, power="module")
    root = bundles.write(tmp_path, [whole])
    path = root / whole["case_id"] / "run.json"
    made = 0
    for place in list(_leaves(whole))[1:]:
        for value in (None, "<x>", -1, [], {}):
            path.write_text(json.dumps(_replaced(whole, place, value)))
            found = load.read(root)
            assert len(found.runs) + len(found.aside) == 1, (place, value)
            if found.runs and value is None:
                page.page(gather.report(root))
                made += 1
    assert made > 10  # some fields are free to be unknown


def test_missing_cases_are_named_and_begun_ones_told_apart(tmp_path):
    """An attempt in progress leaves `.<case_id>.open`."""
    root = bundles.write(tmp_path, [bundles.record()], missing=[("a", "slim 0.5"), ("b", "l2 0.5")])
    (root / ".b.open").mkdir()
    assert load.read(root).missing == (("a", "slim 0.5", False), ("b", "l2 0.5", True))


def test_bundles_outside_the_suite_are_left_out_and_counted(tmp_path):
    """`--quick` and `--set` leave bundles that the suite as last run does not ask for."""
    root = bundles.suite(tmp_path, methods=TWO)
    bundles.bundle(root, bundles.record("slim 0.5"))
    found = load.read(root)
    assert len(found.runs) == 4 and "1 bundle of no case" in found.notes[0]
    assert len(load.read(root, everything=True).runs) == 5


def test_a_seed_measured_twice_counts_once(tmp_path):
    """Two bundles of one method and seed would fake a smaller spread; the newer one stays."""
    again = bundles.record(case_id="again", finished_utc="2026-02-01T00:00:00Z", accuracy=0.5)
    found = load.read(bundles.write(tmp_path, [bundles.record(), again]))
    assert [run.record.case_id for run in found.runs] == ["again"]
    assert "newer" in found.aside[0].reason


def test_a_bundle_in_a_folder_of_another_name_is_set_aside(tmp_path):
    """A copied folder is not a second measurement."""
    root = bundles.write(tmp_path, [bundles.record()])
    (root / bundles.case_id("dense")).rename(root / "copy")
    found = load.read(root, everything=True)
    assert found.aside[0].case_id == "copy" and len(found.missing) == 1


@pytest.mark.parametrize("text", [None, "{", "[]", '{"name": "x"}'])
def test_without_a_readable_suite_file_the_runs_are_still_reported(tmp_path, text):
    """And the report says that the question is not known."""
    root = bundles.suite(tmp_path, methods=TWO)
    (root / "suite.json").unlink() if text is None else (root / "suite.json").write_text(text)
    found = load.read(root)
    assert len(found.runs) == 4 and found.question is None and "question" in found.notes[0]


def test_set_aside_and_open_folders_are_no_bundles(tmp_path):
    """The runner's own leavings."""
    root = bundles.suite(tmp_path, methods=TWO)
    for name in ("x.corrupt", "x.corrupt-2", ".x.open"):
        (root / name).mkdir()
        (root / name / "run.json").write_text("{")
    found = load.read(root)
    assert len(found.runs) == 4 and not found.aside


def test_find_names_what_there_is(tmp_path):
    """A suite by name, by path, or the only one; else the names there are."""
    runs = tmp_path / "runs"
    root = bundles.suite(runs, methods=TWO)
    assert load.find("quick", runs) == load.find(None, runs) == load.find(str(root), "no") == root
    with pytest.raises(ValueError, match="quick.*Did you mean 'quick'"):
        load.find("quik", runs)
    bundles.write(runs, [bundles.record()], name="other")
    with pytest.raises(ValueError, match="other, quick"):
        load.find(None, runs)
    with pytest.raises(ValueError, match="edgejoule run"):
        load.find(None, tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        load.find("x", tmp_path / "file")
