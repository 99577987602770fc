"""Frames: one row per run and per method; what may be compared, and what must not."""

import json

import pandas
import pytest
from rigs import bundles

from edgejoule.bench import records
from edgejoule.reports import frames, load, rows


def _methods(root):
    return frames.methods(frames.runs(load.read(root)))


def _by_name(frame):
    return {row["name"]: row for _, row in frame.iterrows()}


def test_a_run_is_a_row_with_its_costs(tmp_path):
    """Closed forms of the fixture: 4 dense epochs of 40 J, 4 cut ones of 20 J, scoring 1 J."""
    frame = frames.runs(load.read(bundles.suite(tmp_path, seeds=(0,), power="module")))
    row = frame.set_index("label").loc["slim 0.5"]
    assert row["joules"] == pytest.approx(4 * 40 + 1 + 4 * 20)
    assert row["seconds"] == pytest.approx(4 * 4 + 0.1 + 4 * 2)
    assert row["epoch_joules"] == pytest.approx(20) and row["last_phase"] == "retrain"
    assert row["flops_exact"] == pytest.approx(4 * 4e12 + 1e9 + 4 * 1e12)
    assert pandas.isna(row["flops_fvcore"])


def test_unknown_joules_stay_unknown(tmp_path):
    """Not measured is NaN in the frame of runs and None in the frame of methods, never 0."""
    bundle = bundles.suite(tmp_path)
    assert frames.runs(load.read(bundle))["joules"].isna().all()
    for row in _by_name(_methods(bundle)).values():
        assert row["joules"] is None and row["epoch_joules"] is None
        assert row["joules_ratio"] is None and row["reasons"] == (bundles.NO_SENSOR,)


def test_methods_have_mean_spread_and_ratio(tmp_path):
    """Seed s costs s % more on both sides, so the paired ratio has no spread."""
    methods = _by_name(_methods(bundles.suite(tmp_path, seeds=(0, 1, 2), power="module")))
    slim = methods["slim 0.5"]
    assert slim["n"] == 3 and slim["accuracy"].mean == pytest.approx(0.971)
    assert slim["accuracy"].sd == pytest.approx(0.001)
    assert slim["epoch_joules_ratio"].value == pytest.approx(0.5)
    assert slim["epoch_joules_ratio"].is_interval
    assert slim["final_macs_ratio"].value == pytest.approx(0.2775)
    assert methods["dense"]["joules_ratio"] is None


def test_dense_comes_first_then_the_control(tmp_path):
    """Whatever the order of the suite."""
    frame = _methods(bundles.suite(tmp_path, methods=tuple(reversed(bundles.METHODS))))
    assert list(frame["name"]) == ["dense", "random 0.5", "early-bird spline 0.5", "slim 0.5"]


def test_the_median_epoch_forgives_a_slow_first_one():
    """The first epoch warms caches and clocks."""
    document = bundles.record("dense", power="module", epochs=5)
    document["epochs"][0]["seconds"] = 400.0
    assert _parts(document).row["epoch_seconds"] == 4.0


def test_without_retraining_no_epoch_cost_is_known(tmp_path):
    """An epoch of the search is not what the cut network costs."""
    document = bundles.record("early-bird spline 0.5", power="module")
    document["epochs"] = document["epochs"][:2]
    document["phases"][2]["epochs"] = 0
    row = _parts(document).row
    assert row["epoch_seconds"] is None and row["epoch_joules"] is None
    assert row["epoch_reasons"] == ("no epoch was trained in the last phase, retrain",)


@pytest.mark.parametrize(
    "changes",
    [
        {"rail": "VDD_SYS_GPU"},
        {"power_mode": "MAXQ"},
        {"name": "Jetson Nano"},
        {"fake": "constant 9.5 W"},
        {"estimate": True},
    ],
)
def test_two_rails_are_never_compared(tmp_path, changes):
    """Dense on one rail, slim on another: two blocks, no ratio, no shared mean."""
    slim = bundles.record("slim 0.5", power="module", device=bundles.device("module", **changes))
    root = bundles.write(tmp_path, [bundles.record(power="module"), slim])
    frame = _methods(root)
    assert len(set(frame["block"])) == 2
    assert _by_name(frame)["slim 0.5"]["joules_ratio"] is None
    assert len(set(frame["setting"])) == 2


def test_other_epochs_are_another_block(tmp_path):
    """A quick run beside a full one."""
    frame = _methods(
        bundles.write(
            tmp_path, [bundles.record(epochs=4), bundles.record(epochs=2, case_id="quick")]
        )
    )
    assert sorted(frame["setting"]) == [
        "resnet20 on digits, 2 epochs",
        "resnet20 on digits, 4 epochs",
    ]


def test_methods_of_one_label_are_told_apart(tmp_path):
    """A label that a user gave to two methods; what differs is added."""
    prune = {"recipe": "one_shot", "criterion": "slim", "ratio": 0.5}
    frame = _methods(
        bundles.write(
            tmp_path,
            [
                bundles.record("mine", dict(prune, penalty=0.1)),
                bundles.record("mine", dict(prune, penalty=0.2), case_id="b"),
            ],
        )
    )
    assert list(frame["name"]) == ["mine (penalty=0.1)", "mine (penalty=0.2)"]


def test_a_hole_makes_a_lower_bound_only_if_it_is_small(tmp_path):
    """Scoring of 0.1 s in 24 s may be missing; a retraining of 8 s may not."""
    for name, phase in (("small", 1), ("large", 2)):
        document = bundles.record("slim 0.5", power="module")
        document["phases"][phase].update(joules=None, joules_reason="too short")
        root = bundles.write(tmp_path / name, [bundles.record(power="module"), document])
        slim = _by_name(_methods(root))["slim 0.5"]
        assert slim["joules"] is None and slim["joules_ratio"] is None
        assert (slim["bound_ratio"] is not None) == (name == "small")
        assert slim["reasons"] == ("{} phase: too short".format(("score", "retrain")[phase - 1]),)


def test_an_empty_folder_gives_empty_frames(tmp_path):
    """No run is no error."""
    found = load.read(bundles.write(tmp_path, [], missing=[("a", "slim")]))
    assert not len(frames.runs(found)) and not len(frames.methods(frames.runs(found)))


def test_a_search_is_aligned_from_its_end():
    """The last distance belongs to the epoch of the ticket; the first had nothing to compare."""
    drawn = _parts(bundles.record("early-bird spline 0.5")).ticket
    assert drawn.epoch == 2 and drawn.distances == ((1, 0.3), (2, 0.12))
    never = bundles.record("early-bird spline 0.5")
    never["ticket"].update(epoch=None, distances=[None, 0.5])
    assert _parts(never).ticket.distances == ((2, 0.5),)
    assert _parts(bundles.record()).ticket is None


def _parts(document):
    """The rows of a record that was written and read."""
    return rows.parts(records.from_json(json.dumps(document)))


def _formats(tmp_path, *trains):
    """The frame of methods of two runs of each training, with these settings more."""
    documents = []
    for number, train in enumerate(trains):
        for label, prune in bundles.METHODS[:3:2]:
            one = bundles.record(label, prune, seed=number, power="module")
            one["case"]["train"].update(train)
            documents.append(one)
    return _methods(bundles.write(tmp_path, documents))


def test_another_number_format_is_another_block_with_its_own_dense_run(tmp_path):
    """Joules of half precision beside those of float32 would credit the cut with the format."""
    found = _formats(tmp_path, {"precision": "float32"}, {"precision": "bfloat16"})
    assert len(found) == 4 and all(row["n"] == 1 for _, row in found.iterrows())
    assert set(found["setting"]) == {
        "resnet20 on digits, 4 epochs, precision float32",
        "resnet20 on digits, 4 epochs, precision bfloat16",
    }
    for _, row in found[~found["dense"]].iterrows():
        assert row["epoch_joules_ratio"].n == 1


def test_a_run_of_before_a_setting_came_is_one_of_its_default(tmp_path):
    """Half of the seeds before an update and half after it fell apart into two tables."""
    found = _formats(tmp_path, {}, {"precision": "float32", "workers": "auto"})
    assert len(found) == 2 and all(row["n"] == 2 for _, row in found.iterrows())
