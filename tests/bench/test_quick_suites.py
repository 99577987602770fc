"""Every suite of ours can be followed to its end, also in the two epochs of --quick."""

import pytest
from rigs.on_chain import rehearse

from edgejoule.bench import suite

PATHS = sorted(suite.SUITES.glob("*.toml"))
NAMES = [path.stem for path in PATHS]
SMALL = """
question = "Does it hold?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 30
{train}
[[prune]]
{prune}
"""


@pytest.mark.parametrize(
    "short", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["quick", "whole"]
)
@pytest.mark.parametrize("name", NAMES)
def test_every_suite_can_be_followed(name, short):
    methods = {}
    for case in suite.read(name, quick=short).cases:
        methods.setdefault(repr([dict(case.train, seed=0), case.prune]), case)
    for case in methods.values():
        rehearse(case)
        assert not short or case.train["epochs"] == suite.QUICK_EPOCHS


def cut_short(tmp_path, prune, train=""):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(train=train, prune=prune))
    cases = suite.read(str(path), quick=True).cases
    for case in cases:
        rehearse(case)
    return cases


@pytest.mark.parametrize(
    "prune, short",
    [
        ('recipe = "lottery"\nratio = 0.5\nrewind_epoch = 5', {"rewind_epoch": 1}),
        ('recipe = "lottery"\nratio = 0.5\nrewind_epoch = 0', {"rewind_epoch": 0}),
        ('recipe = "iterative_masks"\ntechnique = "l1_us"\nrewind_epoch = 9', {"rewind_epoch": 1}),
        # resnet20 on 1442 digits in batches of 64: 23 steps an epoch
        ('recipe = "lottery"\nratio = 0.5\nrewind_step = 500', {"rewind_step": 23}),
        ('recipe = "imp"\nratio = 0.9', {"rewind_epoch": 1, "steps": 0}),
        ('recipe = "early_bird"\nratio = 0.5\nlatest = 20', {"latest": 2}),
        ('recipe = "one_shot"\nratio = 0.5\nretrain_epochs = 20', {"retrain_epochs": 2}),
        ('recipe = "one_shot"\nratio = 0.5\nretrain_epochs = 0', {"retrain_epochs": 0}),
        ('recipe = "thinet"\nratio = 0.5\nbetween = 7', {"between": 2}),
        ('recipe = "iterative"\nratio = 0.5\nbetween = 0.7', {"between": 0.7}),
        ('recipe = "iterative"\nratio = 0.5\nbetween = 3.0', {"between": 3.0}),  # a share
        ('recipe = "snip_it"\nratio = 0.9\nwhen = "during"\nsteps = 7', {"steps": 0}),
        ('recipe = "snap_it"\nratio = 0.9\nwhen = "during"\ninterval = 3', {"interval": 1}),
        ('recipe = "cnip_it"\nratio = 0.9\nwhen = "during"\nfirst_event = 9', {"steps": 0}),
        ('recipe = "snip_it"\nratio = 0.9\nwhen = "before"\nsteps = 7', {"steps": 7}),
    ],
)
def test_what_a_method_counts_in_epochs_fits_a_quick_run(tmp_path, prune, short):
    (case,) = cut_short(tmp_path, prune)
    assert {key: case.prune[key] for key in short} == short


def test_what_a_training_counts_in_epochs_fits_a_quick_run(tmp_path):
    train = 'warmup_epochs = 5.0\ninitialisation = "adversarial"\npretrain_epochs = 100'
    (case,) = cut_short(tmp_path, 'recipe = "dense"', train)
    assert (case.train["warmup_epochs"], case.train["pretrain_epochs"]) == (1.0, 2)
    (case,) = cut_short(tmp_path, 'recipe = "dense"', "warmup_steps = 9000")
    assert case.train["warmup_steps"] == 23
    (case,) = cut_short(tmp_path, 'recipe = "dense"')
    assert "pretrain_epochs" not in case.train and case.train["warmup_steps"] == 0


def test_quick_runs_that_became_alike_are_one(tmp_path):
    both = cut_short(tmp_path, 'recipe = "lottery"\nratio = 0.5\nrewind_epoch = [2, 5]')
    assert [case.prune["rewind_epoch"] for case in both] == [1]


def test_a_plan_knows_the_step_that_a_ticket_is_rewound_to(tmp_path):
    """23 steps an epoch, 30 epochs: step 230 is the end of the tenth, and there is no step 691."""
    path = tmp_path / "small.toml"
    text = SMALL.format(train="", prune='recipe = "lottery"\nratio = 0.5\nrewind_step = {}')
    path.write_text(text.format(230))
    seen = rehearse(suite.read(str(path)).cases[0])
    assert [(part.phase, part.epochs) for part in seen.parts] == [("dense", 30), ("retrain", 20)]
    path.write_text(text.format(691))
    with pytest.raises(ValueError, match="rewind_step=691; this training has 690 steps"):
        rehearse(suite.read(str(path)).cases[0])
