"""How rows were trained: every reference tells every field, and no difference goes unsaid."""

import pytest

from edgejoule.bench import settings, suite
from edgejoule.reports.papers import reference_tables, training_recipes
from edgejoule.reports.papers.training_recipes import EXTRA, FIELDS, NOT_TOLD, differences

TABLES = {table.key: table for table in reference_tables.read()}
KINDS = {
    "epochs": int,
    "retrain_epochs": int,
    "optimizer": str,
    "learning_rate": float,
    "momentum": float,
    "weight_decay": float,
    "schedule": dict,
    "batch_size": int,
    "gradient_clip": float,
    "augmentation": dict,
    "images": list,
    "seeds": int,
}


def row(key, **where):
    """The first row of a table with these values."""
    return [each for each in TABLES[key].rows if reference_tables.selects(where, each)][0]


def recipe(key, **where):
    return reference_tables.recipe(TABLES[key], row(key, **where))


def case(dataset="cifar10", prune=None, **train):
    """A case with all its settings, as a record holds it."""
    return {
        "model": {"name": "vgg16"},
        "dataset": settings.resolve("dataset", {"name": dataset}),
        "train": dict(settings.TRAIN, **dict({"epochs": 160, "batch_size": 256}, **train)),
        "prune": dict(
            {"recipe": "one_shot", "criterion": "spline_pca", "ratio": 0.5}, **prune or {}
        ),
        "measure": {},
    }


@pytest.mark.parametrize("key", sorted(TABLES))
@pytest.mark.parametrize("field", FIELDS)
def test_every_reference_tells_every_field_or_that_the_paper_does_not(key, field):
    for each in TABLES[key].rows:
        value = reference_tables.recipe(TABLES[key], each)[field]
        assert value == NOT_TOLD or isinstance(value, KINDS[field]), (each, value)
        assert value is not None and value != ""
        assert training_recipes.words(field, value)


@pytest.mark.parametrize("key", sorted(TABLES))
def test_every_reference_says_so_itself(key):
    """A field that nobody wrote into the TOML is forgotten, not untold."""
    written = {field for each in TABLES[key].recipes for field in each.fields}
    assert set(FIELDS) <= written <= set(FIELDS + EXTRA)


@pytest.mark.parametrize("key", sorted(TABLES))
def test_recipes_of_some_rows_name_rows_that_are_there(key):
    rows = TABLES[key].rows
    paper = key.split("_")[0]
    siblings = [
        each for name in TABLES if name.split("_")[0] == paper for each in TABLES[name].rows
    ]
    for each in TABLES[key].recipes:
        assert any(reference_tables.selects(each.where, other) for other in siblings), each.where
    assert rows


def test_what_the_papers_say():
    spline = recipe("spline_2")
    assert (spline["epochs"], spline["momentum"], spline["batch_size"]) == (160, 0.9, 256)
    assert spline["schedule"] == {"milestones": [0.5, 0.75], "decay": 0.1}  # epochs 80 and 120
    assert [recipe(key)["seeds"] for key in ("spline_1", "spline_2", "spline_4")] == [5, 5, 3]
    imagenet = recipe("spline_3")
    assert imagenet["epochs"] == 90 and imagenet["images"] == [1281167, 50000]
    assert [round(90 * share) for share in imagenet["schedule"]["milestones"]] == [30, 60]
    snipit = recipe("snipit_2", dataset="CIFAR-10", method="SNIP")
    assert (snipit["epochs"], snipit["optimizer"], snipit["learning_rate"]) == (80, "adam", 2e-3)
    assert (snipit["weight_decay"], snipit["gradient_clip"], snipit["batch_size"]) == (
        5e-5,
        10.0,
        512,
    )
    assert snipit["schedule"] == {"milestones": []}
    assert recipe("snipit_2", dataset="Imagenette")["batch_size"] == 128
    assert recipe("snipit_1")["batch_size"] == 128
    assert recipe("snipit_3")["augmentation"] == {}
    after = recipe("snipit_4", method="EfficientConvNets")
    assert (after["epochs"], after["retrain_epochs"]) == (70, 10)
    assert recipe("snipit_4", method="L0")["epochs"] == 160
    assert recipe("snipit_4", method="GateDecorators")["epochs"] == 160
    masks = recipe("masks_2")
    assert (masks["epochs"], masks["batch_size"], masks["learning_rate"]) == (30, 32, 0.01)
    assert masks["seeds"] == 5 and masks["schedule"] == {"milestones": []}
    assert recipe("spline_6", method="EB (Adam)")["optimizer"] == "adam"
    assert recipe("survey_hrank_resnet")["epochs"] == NOT_TOLD


@pytest.mark.parametrize(
    "name, changed",
    [
        ("epochs", case(epochs=20)),
        ("optimizer", case(optimiser="adam")),
        ("optimizer", case(nesterov=True)),
        ("learning rate", case(learning_rate=0.05)),
        ("momentum", case(momentum=0.0)),
        ("weight decay", case(weight_decay=5e-4)),
        ("schedule", case(milestones=[0.5])),
        ("schedule", case(milestones=[])),
        ("schedule", case(decay=0.2)),
        ("schedule", case(schedule="cosine")),
        ("schedule", case(schedule="constant")),
        ("schedule", case(warmup_epochs=5.0)),
        ("schedule", case(warmup_steps=5)),
        ("batch size", case(batch_size=128)),
        ("augmentation", case(augment=False)),
    ],
)
def test_one_change_is_one_difference(name, changed):
    published = dict(recipe("spline_2"), gradient_clip="none")
    assert differences(case(), published, {}, 5) == []
    ((what, ours, theirs),) = differences(changed, published, {}, 5)
    assert what == name and ours != theirs


def test_seeds_images_flips_clips_and_retraining_differ_too():
    published = recipe("spline_2")
    assert differences(case(), published, {}, 2) == [("seeds", "2", "5")]
    flipped = case()
    flipped["dataset"]["flip"] = 0.2
    ((what, ours, theirs),) = differences(flipped, published, {}, 5)
    assert what == "augmentation" and "20 % mirrored" in ours and "50 % mirrored" in theirs
    clipped = dict(published, gradient_clip=10.0)
    assert differences(case(), clipped, {}, 5) == [("gradient clip", "none", "10.0")]
    assert differences(case(gradient_clip=10.0), clipped, {}, 5) == []
    small = differences(case("imagenette"), recipe("snipit_1"), {}, 5)
    assert ("images", "9469 to train and 3925 to test", "13000 to train and 500 to test") in small
    once = dict(published, retrain_epochs=10)
    assert differences(case(), once, {}, 5) == [("retrain epochs", "160", "10")]
    assert differences(case(prune={"retrain_epochs": 10}), once, {}, 5) == []


def test_what_the_paper_does_not_tell_is_no_difference():
    assert differences(case(epochs=3), recipe("survey_hrank_resnet"), {}, 1) == []


def test_the_rate_falls_as_published_in_a_training_of_another_length():
    told = dict(recipe("spline_3"), augmentation=NOT_TOLD, images=NOT_TOLD, batch_size=NOT_TOLD)
    for shares in ([0.33333, 0.66667], [1 / 3, 2 / 3]):
        ours = case(epochs=30, milestones=shares)
        assert [gap[0] for gap in differences(ours, told, {}, 1)] == ["epochs"]
    early = case(epochs=90, milestones=[0.3, 0.66667])
    assert [gap[0] for gap in differences(early, told, {}, 1)] == ["schedule"]


def test_settings_of_the_method_differ_too():
    gaps = differences(case(), recipe("survey_hrank_resnet"), {"prune.rate": 0.2}, 1)
    assert gaps == [("rate", "not recorded", "0.2")]


def test_the_suites_train_as_their_papers_where_our_trainer_can():
    """All that is left: the learner, and the number of seeds that the suite's note tells."""
    left = {}
    for name, key, seeds in (
        ("spline-cifar", "spline_2", 5),
        ("spline-imagenet", "spline_3", 1),
        ("masks", "masks_2", 5),
    ):
        told = reference_tables.recipe(TABLES[key], TABLES[key].rows[0])
        left[name] = {
            gap[0]
            for each in suite.read(name).cases
            for gap in differences(each._asdict(), told, TABLES[key].settings, seeds)
            if each.prune["recipe"] != "dense"
        }
    assert left == {"spline-cifar": set(), "spline-imagenet": set(), "masks": set()}


def asked(recipe):
    """The settings of [train] that a paper's recipe asks for, in our words."""
    told = {
        field: value
        for field, value in recipe.items()
        if value != NOT_TOLD and field not in ("augmentation", "images", "seeds", "retrain_epochs")
    }
    found = dict({"epochs": 160, "optimiser": told.pop("optimizer", "sgd")}, **told)
    schedule = found.pop("schedule", {"milestones": []})
    if found.get("gradient_clip") == "none":
        found.pop("gradient_clip")
    if not schedule["milestones"]:
        return dict(found, schedule="constant")
    return dict(found, **{k: v for k, v in schedule.items() if v != NOT_TOLD})


@pytest.mark.parametrize("key", sorted(TABLES))
def test_every_recipe_of_a_paper_can_be_written_in_a_suite(key):
    for each in TABLES[key].rows:
        told = reference_tables.recipe(TABLES[key], each)
        wanted = asked(told)
        if wanted["optimiser"] != "sgd":
            assert wanted.pop("momentum", NOT_TOLD) in (NOT_TOLD, 0.0)
        ours = dict(case(), train=settings.resolve("train", wanted))
        gaps = {gap[0] for gap in differences(ours, told, {}, 1)}
        assert gaps <= {"augmentation", "images", "seeds", "retrain epochs"}, (each, gaps)


def test_a_field_that_no_recipe_has_is_refused():
    with pytest.raises(ValueError, match="no epoch; it has: epochs"):
        training_recipes.check("x", (training_recipes.Told({}, {"epoch": 3}),))
