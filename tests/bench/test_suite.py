"""Suites: axes, overrides, pinned case ids, and one clear line for every mistake."""

import json

import pytest

from edgejoule.bench import records, settings, suite

SMALL = """
question = "Does it hold?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 3
seed = [0, 1]
[[prune]]
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = ["slim", "l2"]
ratio = [0.3, 0.5]
"""


def written(tmp_path, text=SMALL):
    path = tmp_path / "small.toml"
    path.write_text(text)
    return str(path)


def test_a_list_is_an_axis(tmp_path):
    cases = suite.read(written(tmp_path)).cases
    assert len(cases) == 2 * (1 + 2 * 2)
    assert [c.train["seed"] for c in cases] == [0] * 5 + [1] * 5
    assert [suite.label(c) for c in cases[:5]] == [
        "dense",
        "slim 0.3",
        "slim 0.5",
        "l2 0.3",
        "l2 0.5",
    ]


def test_a_setting_that_is_a_list_takes_a_list_and_a_list_of_lists_is_its_axis(tmp_path):
    one = SMALL.replace("epochs = 3", "epochs = 3\nmilestones = [0.4, 0.8]")
    assert suite.read(written(tmp_path, one)).cases[0].train["milestones"] == [0.4, 0.8]
    two = SMALL.replace("epochs = 3", "epochs = 3\nmilestones = [[0.4], [0.5, 0.75]]")
    found = [c.train["milestones"] for c in suite.read(written(tmp_path, two)).cases]
    assert len(found) == 20 and [0.4] in found and [0.5, 0.75] in found


def test_overrides_and_sweeps_reach_every_table_that_knows_them(tmp_path):
    path = written(tmp_path)
    assert {c.train["epochs"] for c in suite.read(path, ["train.epochs=7"]).cases} == {7}
    swept = suite.read(path, sweeps=["prune.ratio=0.1,0.2,0.9"]).cases
    assert len(swept) == 2 * (1 + 2 * 3)
    assert {c.prune.get("ratio") for c in swept} == {None, 0.1, 0.2, 0.9}


def test_quick_is_the_first_seed_and_few_epochs(tmp_path):
    cases = suite.read(written(tmp_path), quick=True).cases
    assert len(cases) == 5
    assert {(c.train["seed"], c.train["epochs"]) for c in cases} == {(0, suite.QUICK_EPOCHS)}


def test_every_setting_is_resolved(tmp_path):
    for case in suite.read(written(tmp_path)).cases:
        assert set(case.train) == set(settings.TRAIN)
        assert not any(value is settings.REQUIRED for value in case.train.values())


def test_case_ids_are_pinned(tmp_path):
    """A changed id orphans every run on every disk: change this test only with a migration."""
    ids = {suite.label(c): suite.case_id(c) for c in suite.read(written(tmp_path)).cases[:5]}
    assert ids["dense"] == "resnet20-digits-dense-s0-973cfa90"
    assert ids["slim 0.5"] == "resnet20-digits-slim-0.5-s0-939b2855"


def test_a_setting_at_its_default_does_not_change_the_id(tmp_path):
    plain = suite.read(written(tmp_path)).cases
    said = suite.read(written(tmp_path), ["train.batch_size=64", "measure.power=auto"]).cases
    assert [suite.case_id(c) for c in plain] == [suite.case_id(c) for c in said]
    other = suite.read(written(tmp_path), ["train.batch_size=32"]).cases
    assert not {suite.case_id(c) for c in plain} & {suite.case_id(c) for c in other}


def test_replicates_share_their_method_and_differ_in_their_id(tmp_path):
    cases = suite.read(written(tmp_path)).cases
    assert suite.method(cases[1]) == suite.method(cases[6])
    assert suite.case_id(cases[1]) != suite.case_id(cases[6])
    assert len({suite.method(c) for c in cases}) == 5


def test_fake_power_is_another_case(tmp_path):
    faked = suite.read(written(tmp_path), ['measure.fake_power="9.5"']).cases
    assert suite.case_id(faked[0]) != suite.case_id(suite.read(written(tmp_path)).cases[0])


def test_a_case_survives_json(tmp_path):
    for case in suite.read(written(tmp_path)).cases:
        again = suite.Case(**json.loads(json.dumps(case._asdict())))
        assert suite.case_id(again) == suite.case_id(case)


MISTAKES = [
    (('model = "resnet20"', 'model = "resnet200"'), "no model called 'resnet200'", "resnet20"),
    (('"slim", "l2"', '"slimm"'), "no criterion called 'slimm'", "Did you mean 'slim'?"),
    (("epochs = 3", "epoch = 3"), "train has no setting 'epoch'", "Did you mean 'epochs'?"),
    (("[0.3, 0.5]", "1.0"), "prune.ratio = 1.0", "[0, 1)"),
    (("[0.3, 0.5]", "-0.5"), "prune.ratio = -0.5", "[0, 1)"),
    (("[0.3, 0.5]", '"half"'), "prune.ratio = 'half'", "[0, 1)"),
    (("ratio = [0.3, 0.5]", ""), "prune.ratio has no default", "missing"),
    (('question = "Does it hold?"', ""), "the question is missing", "question ="),
    (('question = "Does it hold?"', "question = 3"), "question = 3", "a sentence in quotes"),
    (("epochs = 3", "epochs = 0"), "train.epochs = 0", "whole number from 1"),
    (("epochs = 3", "epochs = 2.5"), "train.epochs = 2.5", "whole number from 1"),
    (("epochs = 3", "epochs = 3\nlearning_rate = 1e30"), "learning_rate = 1e+30", "below 1e9"),
    (("epochs = 3", "epochs = 3\nthreads = 100000"), "train.threads = 100000", "own choice) to "),
    (("epochs = 3", 'epochs = 3\ndevice = "tpu"'), "train.device = 'tpu'", '"cuda:N"'),
    (("[train]", "[measure]\nfake_power = 'abc'\n[train]"), "fake_power = 'abc'", "watts"),
    (("[train]", "[measure]\nfake_power = '-1'\n[train]"), "fake_power = '-1'", "above 0"),
    (("seed = [0, 1]", "seed = -1"), "train.seed = -1", "below 2^63"),
    (("seed = [0, 1]", "seed = 0.5"), "train.seed = 0.5", "whole number"),
    (("seed = [0, 1]", "seed = []"), "train.seed = []", "axis without values"),
    (('dataset = "digits"', ""), "[dataset] is missing", "quick.toml"),
    (('dataset = "digits"', "dataset = 7"), "dataset = 7", "neither a name"),
    (("[train]", "[trian]"), "suite has no setting 'trian'", "Did you mean 'train'?"),
    (('recipe = "dense"', "ratio = 0.5"), "[prune] has no recipe", "recipe"),
    (('recipe = "dense"', 'recipe = "dense"\nratio = 0.5'), "prune has no setting 'ratio'", ""),
    (("model = ", "model = = "), "cannot be read", "small.toml"),
    (("epochs = 3", "epochs = 3\naugment = 1"), "train.augment = 1", "True"),
]


@pytest.mark.parametrize("change,said,allowed", MISTAKES)
def test_a_mistake_is_one_clear_line(tmp_path, change, said, allowed):
    assert change[0] in SMALL
    with pytest.raises(ValueError) as caught:
        suite.read(written(tmp_path, SMALL.replace(*change)))
    text = str(caught.value)
    assert "small.toml" in text and said in text and allowed in text and "\n" not in text.strip()


@pytest.mark.parametrize(
    "bad,said",
    [
        ("train.epochs", "not section.key=value"),
        ("epochs=3", "not section.key=value"),
        ("trian.epochs=3", "not section.key=value"),
        ("train.epoch=3", "Did you mean 'epochs'?"),
    ],
)
def test_a_bad_override_is_one_clear_line(tmp_path, bad, said):
    with pytest.raises(ValueError) as caught:
        suite.read(written(tmp_path), [bad])
    assert said in str(caught.value)


def test_an_unreadable_suite_is_named(tmp_path):
    with pytest.raises(ValueError) as caught:
        suite.read(str(tmp_path / "absent.toml"))
    assert "absent.toml" in str(caught.value)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError) as caught:
        suite.read(str(tmp_path / "binary.toml"))
    assert "binary.toml" in str(caught.value)


@pytest.mark.parametrize("path", sorted(suite.SUITES.glob("*.toml")), ids=lambda p: p.stem)
def test_our_own_suites_are_readable_and_ask_something(path):
    found = suite.read(str(path))
    assert found.question.endswith("?") and found.cases


def test_records_survive_json_and_refuse_what_they_are_not():
    values = dict.fromkeys(records.RunRecord._fields)
    record = records.RunRecord(**dict(values, schema=records.SCHEMA, warnings=["a"]))
    assert records.from_json(records.to_json(record)) == record
    for text, said in [
        ("", "not a run record"),
        ("[]", "no schema"),
        ('{"schema": 1}', "missing"),
        ('{"schema": 99}', "update edgejoule"),
        ("{", "not a run record"),
    ]:
        with pytest.raises(ValueError) as caught:
            records.from_json(text)
        assert said in str(caught.value)


def test_a_sum_with_a_hole_is_not_a_sum():
    assert records.total([1.0, 2.0]) == 3.0
    assert records.total([1.0, None]) is None
    assert records.total([]) is None


def test_where_the_data_lie_makes_no_other_case(tmp_path):
    here = suite.read(written(tmp_path)).cases
    there = suite.read(written(tmp_path), ['dataset.root="/mnt/elsewhere"']).cases
    assert [suite.case_id(c) for c in here] == [suite.case_id(c) for c in there]


def test_a_method_that_finds_its_own_share_has_a_name_without_one(tmp_path):
    text = SMALL[: SMALL.index("[[prune]]")] + '[[prune]]\nrecipe = "l0"\n'
    free = suite.read(written(tmp_path, text)).cases[0]
    asked = suite.read(written(tmp_path, text + "ratio = 0.5\n")).cases[0]
    assert [suite.label(each).split() for each in (free, asked)] == [["l0"], ["l0", "0.5"]]
    assert suite.case_id(free) != suite.case_id(asked)
