"""What a case may set: defaults, types and bounds of every section. Free of torch.

The settings of models, data sets, recipes and criteria are the keyword-only parameters of
their functions: adding a parameter there adds a setting here, and nothing else need know.
"""

import json
import os
import re
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Sequence

from edgejoule import plugins
from edgejoule.bench.training.lengths import length
from edgejoule.plugins import REQUIRED

SECTIONS = ("model", "dataset", "train", "prune", "measure")
TRAINING = {  # whatever the optimiser and the schedule
    "epochs": REQUIRED,
    "steps": 0,
    "seed": 0,
    "initialisation": "model",
    "batch_size": 64,
    "optimiser": "sgd",
    "schedule": "steps",
    "warmup_epochs": 0.0,
    "warmup_steps": 0,
    "warmup_start": 0.01,
    "gradient_clip": 0.0,
    "label_smoothing": 0.0,
    "ema": 0.0,
    "validation": 0.0,
    "patience": 0,
    "augment": True,
    "device": "auto",
    "threads": 0,
    "precision": "float32",
    "memory_format": "contiguous",
    "compile": False,
    "cudnn": "default",
    "resident": "auto",
    "workers": "auto",
}
MEASURE = {"power": "auto", "fake_power": "", "period_s": 0.1}
THREADS = 4 * (os.cpu_count() or 1)  # more than these only wait, and starve the rest of the machine
WHOLE = (  # those that know no fractions
    "epochs",
    "batch_size",
    "seed",
    "threads",
    "resize",
    "train.steps",
    "warmup_steps",
    "patience",
    "cycles",
    "outputs",
    "pretrain_epochs",
)
BOUNDS = {  # lowest, first that is too much, in words
    "ratio": (0, 1, "a share to remove, in [0, 1): 0.5 removes half"),
    "epochs": (1, 10**9, "a whole number from 1 and below 1e9"),
    "batch_size": (1, 10**9, "a whole number from 1 and below 1e9"),
    "seed": (0, 2**63, "a whole number from 0 and below 2^63"),
    "threads": (0, THREADS + 1, "a whole number from 0 (torch's own choice) to {}".format(THREADS)),
    "learning_rate": (0, 1e9, "a number from 0 and below 1e9"),
    "train.steps": (0, 10**12, "a whole number from 0 (`epochs` counts) and below 1e12"),
    "warmup_epochs": (0, 10**9, "a number of epochs from 0 and below 1e9"),
    "warmup_steps": (0, 10**12, "a whole number from 0 and below 1e12"),
    "warmup_start": (0, 1, "a share of the learning rate, in [0, 1)"),
    "gradient_clip": (0, 1e9, "a norm from 0 (no clip) and below 1e9"),
    "label_smoothing": (0, 1, "a share of the labels' weight, in [0, 1)"),
    "ema": (0, 1, "a decay in [0, 1); 0 evaluates the weights themselves"),
    "validation": (0, 1, "a share of the training set, in [0, 1)"),
    "patience": (0, 10**9, "a whole number of epochs from 0 (never) and below 1e9"),
    "cycles": (1, 10**9, "a whole number from 1 and below 1e9"),
    "lowest": (0, 1, "a share of the learning rate, in [0, 1)"),
    "rise": (0, 1, "a share of a cycle, in [0, 1)"),
    "exponent": (0, 1e9, "a number from 0 and below 1e9"),
    "resize": (1, 10**4, "a whole number of pixels a side from 1 and below 10000"),
    "slope": (0, 1, "a slope from 0 (ReLU) and below 1"),
    "dropout": (0, 1, "a share of units to drop, from 0 and below 1"),
    "outputs": (1, 10**6, "a whole number from 1 and below 1e6"),
    "gain": (0, 1e9, "a number from 0 and below 1e9"),
    "deviation": (0, 1e9, "a number from 0 and below 1e9"),
    "pretrain_epochs": (1, 10**9, "a whole number from 1 and below 1e9"),
    "pretrain_rate": (0, 1e9, "a number from 0 and below 1e9"),
    "pretrain_until": (0, 1, "a share of the random labels, from 0 and below 1"),
    "period_s": (0.001, 60, "seconds between power samples, from 0.001 and below 60"),
}
CHOICES: Dict[str, Sequence] = {
    "train.precision": ("float32", "tf32", "float16", "bfloat16"),
    "train.memory_format": ("contiguous", "channels_last"),
    "train.cudnn": ("default", "benchmark", "deterministic"),
    "train.resident": ("auto", True, False),
}
DEVICES = re.compile(r"auto|cpu|cuda(:\d+)?$")
PLUGINS = {
    ("model", "name"): "models",
    ("dataset", "name"): "datasets",
    ("train", "optimiser"): "optimisers",
    ("train", "schedule"): "schedules",
    ("train", "initialisation"): "initialisations",
    ("prune", "recipe"): "recipes",
    ("prune", "criterion"): "criteria",
    ("prune", "saliency"): "saliency",
    ("prune", "regularizer"): "regularizers",
}
# what else is allowed depends on these
NAMING = (
    "name",
    "recipe",
    "criterion",
    "saliency",
    "regularizer",
    "optimiser",
    "schedule",
    "initialisation",
)
_remembered: Dict[str, Dict] = {}
_depth = 0  # of `remembered` blocks


@contextmanager
def remembered() -> Iterator[None]:
    """Inside, files of plug-ins are read once: hundreds of cases ask for the same few.

    Not for the whole process: a file that was changed has other settings from then on.
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _remembered.clear()


def allowed(section: str, table: Dict) -> Dict:
    """What a table may set: {key: default}, `REQUIRED` where there is no default."""
    if not _depth:
        return _allowed(section, table)
    key = repr([section] + [table.get(name) for name in NAMING])
    if key not in _remembered:
        _remembered[key] = _allowed(section, table)
    return _remembered[key]


def _allowed(section: str, table: Dict) -> Dict:
    if section == "train":
        return _allowed_training(table)
    if section == "measure":
        return MEASURE
    if section == "model":
        return dict(plugins.options("models", table["name"], "build"), name=REQUIRED)
    if section == "dataset":
        options = plugins.options("datasets", table["name"], "load")
        return dict(options, name=REQUIRED, root="data")
    return _allowed_pruning(table)


def resolve(section: str, table: Dict) -> Dict:
    """The table with every default filled in, each value checked."""
    known = allowed(section, table)
    check_known(section, table, known)
    if section == "train" and table.get("steps"):
        known = dict(known, epochs=None)  # follow from the steps and the size of the data set
    for key, default in known.items():
        if default is REQUIRED and key not in table:
            raise ValueError("{}.{} has no default and is missing".format(section, key))
    resolved = {
        key: _checked(section, key, table.get(key, default), default)
        for key, default in known.items()
    }
    if section == "train":
        _check_training(resolved)
    return resolved


def with_epochs(sections: Dict[str, Dict]) -> Dict[str, Dict]:
    """The resolved sections of a case; epochs that are not told follow from the steps."""
    train = sections["train"]
    if train["epochs"] is not None:
        return sections
    images = plugins.constant("datasets", sections["dataset"]["name"], "TRAIN_IMAGES")
    return dict(sections, train=dict(train, epochs=length(train, int(str(images))).epochs))


def check_known(where: str, table: Dict, known) -> None:
    """Raises a ValueError for the first key that is not known, naming the nearest one."""
    for key in table:
        if key not in known:
            raise ValueError(
                "{} has no setting {!r}; it has: {}.{}".format(
                    where, key, ", ".join(sorted(known)), plugins.nearest(key, known)
                )
            )


def differing(section: str, table: Dict) -> Dict:
    """The settings that are not at their defaults."""
    defaults = allowed(section, table)
    return {
        key: value for key, value in table.items() if value != _listed(defaults.get(key, REQUIRED))
    }


def _allowed_training(table: Dict) -> Dict:
    """Settings of every training, then those of its optimiser, schedule and initial weights."""
    optimiser = str(table.get("optimiser", TRAINING["optimiser"]))
    schedule = str(table.get("schedule", TRAINING["schedule"]))
    initial = str(table.get("initialisation", TRAINING["initialisation"]))
    every = plugins.constant("schedules", schedule, "EVERY")
    return dict(
        TRAINING,
        **plugins.options("optimisers", optimiser, "build"),
        **plugins.options("schedules", schedule, "rate"),
        **plugins.options("initialisations", initial, "initialise"),
        **({"rate_every": every} if every else {}),
    )


def _check_training(train: Dict) -> None:
    """Raises a ValueError for settings that contradict one another, or would do nothing."""
    for wrong, words in (
        (train["epochs"] and train["steps"], "epochs and steps: a training has one length"),
        (train["warmup_epochs"] and train["warmup_steps"], "warmup_epochs and warmup_steps"),
        (
            train["warmup_start"] != TRAINING["warmup_start"]
            and not (train["warmup_epochs"] or train["warmup_steps"]),
            "warmup_start without warmup_epochs or warmup_steps",
        ),
        (train["patience"] and not train["validation"], "patience without validation"),
        (train.get("nesterov") and not train["momentum"], "nesterov without momentum"),
    ):
        if wrong:
            raise ValueError("train sets {}; leave one out, or set what it needs".format(words))


def _allowed_pruning(table: Dict) -> Dict:
    """Settings of a recipe, then those of the plug-ins that it lets a suite choose."""
    recipe = table["recipe"]
    known = dict(plugins.options("recipes", recipe, "run"), recipe=REQUIRED, label="")
    for key in plugins.choices("recipes", recipe, "run"):
        kind, name = PLUGINS["prune", key], table.get(key, known[key])
        if key == "regularizer" and name is None:  # the one that the criterion's paper trains with
            name = plugins.constant(
                "criteria", table.get("criterion", known["criterion"]), "REGULARIZER"
            )
        if name not in (None, REQUIRED):
            known.update(plugins.options(kind, name, plugins.KINDS[kind].defines[0]))
    return known


def _checked(section: str, key: str, value, default):
    where = "{}.{}".format(section, key)
    if (section, key) in PLUGINS and value is not None:
        return plugins.check(PLUGINS[section, key], value)
    bounds = BOUNDS.get(where, BOUNDS.get(key))
    if bounds and value is not None:
        _bounded(where, value, bounds)
    if where in SPECIAL:
        SPECIAL[where](where, value)
    if where in CHOICES or where == "train.workers":  # checked, and of several types
        return value
    return _typed(where, value, default)


def _known_device(where: str, value: Any) -> None:
    if not (isinstance(value, str) and DEVICES.match(value)):
        raise ValueError(
            '{} = {!r}; it must be "auto", "cpu", "cuda" or "cuda:N"'.format(where, value)
        )


def _of_choices(where: str, value: Any) -> None:
    # by type too: 1 equals true
    if not any(value == each and type(value) is type(each) for each in CHOICES[where]):
        raise ValueError(
            "{} = {!r}; it must be one of: {}".format(
                where, value, ", ".join(json.dumps(each) for each in CHOICES[where])
            )
        )


def _workers(where: str, value: Any) -> None:
    if value != "auto" and not (type(value) is int and 0 <= value <= THREADS):
        raise ValueError(
            '{} = {!r}; it must be "auto" or a whole number of processes from 0 to {}'.format(
                where, value, THREADS
            )
        )


def _playable(where: str, value: Any) -> None:
    """Watts, or a trace that is there: refused before a worker is started for it."""
    if value in ("", None) or _is_watts(value):
        return
    if not (isinstance(value, str) and os.path.isfile(os.path.expanduser(value))):
        raise ValueError(
            "{} = {!r}; it must be a number of watts above 0, or the file of a saved power "
            "trace".format(where, value)
        )


def _is_watts(value: Any) -> bool:
    try:
        return 0 < float(value) < float("inf")
    except (TypeError, ValueError):
        return False


def _unit(where: str, value: Any) -> None:
    if value not in ("epoch", "step"):
        raise ValueError('{} = {!r}; it must be "epoch" or "step"'.format(where, value))


def _two_betas(where: str, value: Any) -> None:
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_beta, value))):
        raise ValueError("{} = {!r}; it must be two numbers in [0, 1)".format(where, value))


def _is_beta(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1


def _one_of(*words: str) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if value not in words:
            raise ValueError("{} = {!r}; choose one of: {}".format(where, value, ", ".join(words)))

    return check


SPECIAL = {
    "train.device": _known_device,
    "train.rate_every": _unit,
    "train.betas": _two_betas,
    "train.fan": _one_of("in", "out"),
    "train.draw": _one_of("normal", "uniform"),
    "train.workers": _workers,
    "measure.fake_power": _playable,
}
SPECIAL.update(dict.fromkeys(CHOICES, _of_choices))


def _bounded(where: str, value, bounds) -> None:
    low, high, words = bounds
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    known = where in WHOLE or where.rpartition(".")[2] in WHOLE
    whole = not known or isinstance(value, int)
    if not (number and whole and low <= value < high):
        raise ValueError("{} = {!r}; it must be {}".format(where, value, words))


def _typed(where: str, value, default):
    """The value as the type of its default: 1 passes for 1.0; "1" and true do not."""
    if default is REQUIRED or default is None:
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    wanted = (list, tuple) if isinstance(default, (list, tuple)) else type(default)
    if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(default, bool):
        raise ValueError("{} = {!r}; it must be of the kind of {!r}".format(where, value, default))
    return _listed(value)


def _listed(value):
    """JSON and TOML know lists only."""
    return list(value) if isinstance(value, tuple) else value


TRAIN = _allowed_training({})  # of a training with SGD whose rate falls in steps
