"""What a case may set: defaults, types and bounds of every section. Free of torch.

The settings of models, data sets, recipes and criteria are the keyword-only parameters of
their functions: adding a parameter there adds a setting here, and nothing else need know.
"""

import os
import re
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator

from edgejoule import plugins
from edgejoule.plugins import REQUIRED

SECTIONS = ("model", "dataset", "train", "prune", "measure")
TRAIN = {
    "epochs": REQUIRED,
    "seed": 0,
    "initialisation": "model",
    "batch_size": 64,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "nesterov": False,
    "milestones": [0.5, 0.75],
    "decay": 0.1,
    "augment": True,
    "device": "auto",
    "threads": 0,
}
MEASURE = {"power": "auto", "fake_power": "", "period_s": 0.1}
THREADS = 4 * (os.cpu_count() or 1)  # more than these only wait, and starve the rest of the machine
WHOLE = (
    "epochs",
    "batch_size",
    "seed",
    "threads",
    "resize",
    "outputs",
    "pretrain_epochs",
)  # those that know no fractions
BOUNDS = {  # lowest, first that is too much, in words
    "ratio": (0, 1, "a share to remove, in [0, 1): 0.5 removes half"),
    "epochs": (1, 10**9, "a whole number from 1 and below 1e9"),
    "batch_size": (1, 10**9, "a whole number from 1 and below 1e9"),
    "seed": (0, 2**63, "a whole number from 0 and below 2^63"),
    "threads": (0, THREADS + 1, "a whole number from 0 (torch's own choice) to {}".format(THREADS)),
    "learning_rate": (0, 1e9, "a number from 0 and below 1e9"),
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
DEVICES = re.compile(r"auto|cpu|cuda(:\d+)?$")
PLUGINS = {
    ("model", "name"): "models",
    ("dataset", "name"): "datasets",
    ("train", "initialisation"): "initialisations",
    ("prune", "recipe"): "recipes",
    ("prune", "criterion"): "criteria",
    ("prune", "saliency"): "saliency",
    ("prune", "regularizer"): "regularizers",
}
NAMING = (
    "name",
    "initialisation",
    "recipe",
    "criterion",
    "saliency",
    "regularizer",
)  # what else is allowed
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
        name = str(table.get("initialisation", TRAIN["initialisation"]))
        return dict(TRAIN, **plugins.options("initialisations", name, "initialise"))
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
    for key, default in known.items():
        if default is REQUIRED and key not in table:
            raise ValueError("{}.{} has no default and is missing".format(section, key))
    return {
        key: _checked(section, key, table.get(key, default), default)
        for key, default in known.items()
    }


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
    if key in BOUNDS and value is not None:
        _bounded(where, value, BOUNDS[key])
    if where in SPECIAL:
        SPECIAL[where](where, value)
    return _typed(where, value, default)


def _known_device(where: str, value: Any) -> None:
    if not (isinstance(value, str) and DEVICES.match(value)):
        raise ValueError(
            '{} = {!r}; it must be "auto", "cpu", "cuda" or "cuda:N"'.format(where, value)
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


def _one_of(*words: str) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if value not in words:
            raise ValueError("{} = {!r}; choose one of: {}".format(where, value, ", ".join(words)))

    return check


SPECIAL = {
    "train.device": _known_device,
    "train.fan": _one_of("in", "out"),
    "train.draw": _one_of("normal", "uniform"),
    "measure.fake_power": _playable,
}


def _bounded(where: str, value, bounds) -> None:
    low, high, words = bounds
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    whole = where.rpartition(".")[2] not in WHOLE or isinstance(value, int)
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
