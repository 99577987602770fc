"""How a published row was trained, how our runs were, and in what the two differ.

A paper's TOML tells its training in `[recipe]`, a table's in its own, and `recipes` what holds for
rows with these values alone (`where`). Every field of FIELDS is told, "not told" where the paper
does not say; `retrain_epochs` is told where a network is trained for another time after the cut.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from edgejoule import plugins
from edgejoule.reports.papers.own_runs import BEFORE, NOT_RECORDED, Gap, equal, setting
from edgejoule.reports.words import listed, plain

NOT_TOLD = "not told"
FIELDS = (
    "epochs",
    "optimizer",
    "learning_rate",
    "momentum",
    "weight_decay",
    "schedule",
    "batch_size",
    "gradient_clip",
    "augmentation",
    "images",
    "seeds",
)
EXTRA = ("retrain_epochs",)
OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
}
# what no paper here tells, since it did without: said where a run of ours did not
UNTOLD = (
    "train.initialisation",
    "train.label_smoothing",
    "train.ema",
    "train.validation",
    "train.patience",
)
# data sets whose every reading for training is a new crop, which no setting of theirs tells
RECROPPED = {"imagenet": {"crop": "any size", "flip": 0.5}}

Recipe = Dict[str, Any]


class Told(NamedTuple):
    """What a TOML says of the rows with these values."""

    where: Dict[str, Any]
    fields: Recipe


def check(key: str, told: Tuple[Told, ...]) -> None:
    """Raises a ValueError for a field that no recipe has."""
    for each in told:
        strangers = sorted(set(each.fields) - set(FIELDS + EXTRA))
        if strangers:
            raise ValueError(
                "{}: a recipe has no {}; it has: {}".format(
                    key, ", ".join(strangers), ", ".join(FIELDS + EXTRA)
                )
            )


def ours(case: Mapping[str, Any], seeds: int) -> Recipe:
    """How runs of ours were trained, field by field as a paper's recipe has them."""
    case = dict(case)
    found = {
        name: setting(case, "train." + name)
        for name in ("epochs", "learning_rate", "momentum", "weight_decay", "batch_size")
    }
    found["optimizer"] = setting(case, "train.optimiser")
    found["gradient_clip"] = setting(case, "train.gradient_clip") or "none"
    if setting(case, "train.nesterov") is True:
        found["optimizer"] += " (Nesterov)"
    if found["momentum"] == NOT_RECORDED and found["optimizer"] != "sgd":
        found["momentum"] = 0.0  # an optimiser without this setting has none
    found["schedule"] = _schedule(case, found["epochs"])
    retrain = setting(case, "prune.retrain_epochs")
    found["retrain_epochs"] = found["epochs"] if retrain in (NOT_RECORDED, None) else retrain
    found["augmentation"] = _augmentation(case)
    found["images"] = [
        plugins.constant("datasets", setting(case, "dataset.name"), name)
        for name in ("TRAIN_IMAGES", "TEST_IMAGES")
    ]
    found["seeds"] = seeds
    return found


def _schedule(case: Dict[str, Any], epochs: Any) -> Recipe:
    """Where the learning rate falls, or what our schedule is called where it does not in steps."""
    name, told = setting(case, "train.schedule"), setting(case, "train.milestones")
    decay = setting(case, "train.decay")
    if name == "constant":
        told = []
    elif name != "steps":
        told = name
    if any(setting(case, "train.warmup_" + unit) for unit in ("epochs", "steps")):
        told = "{} after a warm-up".format(_schedule_words({"milestones": told, "decay": decay}))
    return {"milestones": told, "decay": decay, "epochs": epochs}


def differences(
    case: Mapping[str, Any], recipe: Recipe, settings: Mapping[str, Any], seeds: int
) -> List[Gap]:
    """(what, ours, the paper's) of everything told in which our runs differ."""
    mine = ours(case, seeds)
    gaps = [
        (field.replace("_", " "), words(field, mine[field]), words(field, recipe[field]))
        for field in FIELDS + EXTRA
        if recipe.get(field, NOT_TOLD) != NOT_TOLD and not _same(field, mine[field], recipe[field])
    ]
    wanted = dict(dict.fromkeys(UNTOLD, NOT_TOLD), **settings)
    for key, value in wanted.items():
        ours_is = setting(case, key)
        usual = value == NOT_TOLD and ours_is == BEFORE[key]
        if not usual and not equal(ours_is, value):
            gaps.append((key.split(".")[1].replace("_", " "), plain(ours_is), plain(value)))
    return gaps


def told(recipe: Recipe) -> str:
    """The recipe as a sentence's end: what is told, then what is not."""
    known = [
        "{} {}".format(field.replace("_", " "), words(field, recipe[field]))
        for field in FIELDS[:1] + EXTRA + FIELDS[1:]
        if recipe.get(field, NOT_TOLD) != NOT_TOLD
    ]
    lacking = [field.replace("_", " ") for field in FIELDS if recipe[field] == NOT_TOLD]
    return "; ".join(
        known + (["not told: " + listed(lacking, most=len(lacking))] if lacking else [])
    )


def words(field: str, value: Any) -> str:
    """A field's value for a reader."""
    if value in (NOT_TOLD, NOT_RECORDED) or value is None:
        return NOT_RECORDED if value is None else value
    if field == "optimizer":
        name, _, rest = str(value).partition(" ")
        return plain(" ".join([OPTIMIZERS.get(name, name)] + ([rest] if rest else [])))
    if field == "schedule":
        return _schedule_words(value)
    if field == "augmentation":
        return _augmentation_words(value)
    if field == "images":
        return plain("{} to train and {} to test".format(*value))
    return plain(value)


def _same(field: str, mine: Any, published: Any) -> bool:
    if field == "schedule":
        return _drops(mine, mine, published) == _drops(published, mine, published)
    if field == "augmentation":
        return _augmentation_words(mine) == _augmentation_words(published)
    return equal(mine, published)


def _drops(schedule: Recipe, mine: Recipe, published: Recipe) -> Any:
    """The epochs in which a schedule lets the rate fall, were it as long as ours, and how far."""
    shares, epochs = schedule["milestones"], mine["epochs"]
    if not isinstance(shares, (list, tuple)) or not isinstance(epochs, int):
        return shares
    far = bool(shares) and published.get("decay", NOT_TOLD) != NOT_TOLD
    return [round(share * epochs) for share in shares], schedule["decay"] if far else None


def _schedule_words(schedule: Recipe) -> str:
    shares, decay = schedule["milestones"], schedule.get("decay", NOT_TOLD)
    if not isinstance(shares, (list, tuple)):
        return plain(shares)
    if not shares:
        return "constant"
    after = listed(["{:.3g} %".format(100 * share) for share in shares], most=len(shares))
    fall = "falls" if decay == NOT_TOLD else "times {}".format(decay)
    return plain("{} after {} of the epochs".format(fall, after))


def _augmentation(case: Dict[str, Any]) -> Any:
    if setting(case, "train.augment") is False:
        return {}
    name = setting(case, "dataset.name")
    if name in RECROPPED:
        return RECROPPED[name]
    known: Dict[str, Any] = dict(plugins.options("datasets", name, "load"))
    known.update(case.get("dataset") or {})
    return {key: known[key] for key in ("pad", "flip") if known.get(key)}


def _augmentation_words(how: Any) -> str:
    if not isinstance(how, Mapping):
        return plain(how)
    parts = []
    if how.get("crop"):
        parts.append("crops of {}".format(how["crop"]))
    if how.get("pad"):
        parts.append("crops after padding by {}".format(how["pad"]))
    if how.get("flip"):
        parts.append("{:g} % mirrored".format(100 * how["flip"]))
    return plain(listed(parts)) if parts else "none"


def commonest(recipes: List[Recipe]) -> Optional[Recipe]:
    """The recipe of most rows, the first of equals; None without rows."""
    return max(recipes, key=recipes.count) if recipes else None
