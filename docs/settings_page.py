"""The page of everything that a suite may set, from the settings and the plug-in folders."""

import inspect
import json
from typing import Dict, List

from markdown_table import table

from edgejoule import plugins
from edgejoule.bench import settings
from edgejoule.bench.commands import list as listing

BEGIN = """\
# Suite settings

A suite is a TOML file: a question and a grid of settings. A list is an axis of the grid, unless the
setting is a list by nature; then a list of lists is an axis. A setting that is shown without a
value, or as required, has no default. An unknown setting is an error that names its nearest
neighbour. `edgejoule list` prints the same from your installation.

## At the top
"""
PRUNE = """\
## [[prune]]

One table per method, or several by axes: a `recipe`, and whatever the recipe, its `criterion` or
its `saliency` may be told (the tables below). `ratio` is {}. `label` is the method's name in
reports, where its settings do not say it well.
"""
TOP = (  # what stands before the first section of a suite
    ("`question`", "required: the sentence that the report answers"),
    ("`note`", "what a reader of the report should know"),
    ("`name`", "of the folder of runs; without it the file's name"),
    ("`plugins`", "folders beside the suite with files of your own"),
    ("`import_from`", "folders in which dotted names are looked up besides Python's own"),
    ("`model`, `dataset`", "a name, a list of names, or a section `[model]`, `[dataset]`"),
)
MEANINGS = {  # what a name and a default do not say by themselves
    "epochs": "passes over the training set; required, unless `steps` is set",
    "steps": "length of the training in steps in place of `epochs`; its last epoch may be partial",
    "seed": "of weights, order and augmentation; a list is the usual axis",
    "initialisation": "initial weights: one of those below, its settings beside it",
    "batch_size": "pictures per step",
    "optimiser": "its settings and their defaults are below, under Optimisers",
    "schedule": "how the learning rate moves; its settings are below, under Schedules",
    "learning_rate": "the highest of the schedule; every optimiser has a default of its own",
    "momentum": "of SGD",
    "weight_decay": "on all parameters",
    "nesterov": "Nesterov's momentum, of SGD",
    "milestones": "of the schedule `steps`: shares of its length after which the rate falls",
    "decay": "of the schedule `steps`: what the learning rate is multiplied by there",
    "rate_every": "`epoch` or `step`: how often the schedule moves the rate, by its own default",
    "warmup_epochs": "length of a linear warm-up before the schedule, in epochs, 0 for none",
    "warmup_steps": "the same in steps; only one of the two may be set",
    "warmup_start": "share of the learning rate at which the warm-up begins",
    "gradient_clip": "longest norm of all gradients together, 0 for no clip",
    "label_smoothing": "share of a label's weight that is spread over all classes",
    "ema": "decay of running means of the weights, which are then evaluated, scored, cut and saved",
    "validation": "share of the training set that is held out for a validation loss",
    "patience": "epochs without a lower validation loss after which a training ends, 0 for never",
    "augment": "whether the data set's augmentation is used",
    "device": "`auto` takes the first GPU if torch sees one, else `cpu`",
    "threads": "of torch on the processor; 0 leaves torch's own choice",
    "precision": "`tf32` and `float16` need a GPU, `bfloat16` does not; `float32` rounds nowhere, "
    "`float16` scales the loss",
    "memory_format": "`channels_last` suits tensor cores and many CPUs",
    "compile": "by torch.compile, from torch 2.0; the first epoch after each cut pays for it",
    "cudnn": "`benchmark` times algorithms for each shape, `deterministic` repeats to the bit",
    "resident": "whether all data lie on the GPU, as bytes; `auto` if a quarter of its free memory "
    "holds them. On a CPU there is nothing to move",
    "workers": "processes that make batches of data that are not resident; `auto` measures 0, 1, "
    "2, 4, ... before training on a GPU and takes 2 on a CPU",
    "power": "the sensor, as `edgejoule devices` names it; `none` measures no joules",
    "fake_power": "watts or a trace to play in place of a sensor; `--fake-power` sets it",
    "period_s": "seconds between two samples of the sensor",
    "name": "one of the data sets below",
    "root": "folder in which the data set's files lie",
}
TITLES = {"datasets": "Data sets", "adapters": "Power sensors"}


def lines() -> List[str]:
    """The lines of the page."""
    found = [BEGIN] + table(("setting", "meaning"), TOP)
    for title, known in (
        ("train", settings.TRAIN),
        ("measure", settings.MEASURE),
        ("dataset", {"name": plugins.REQUIRED, "root": "data"}),
    ):
        found += ["## [{}]".format(title), ""] + _section(known)
    found.append(PRUNE.format(_allowed("ratio")))
    for kind in plugins.KINDS:
        found += _kind(TITLES.get(kind, kind.capitalize()), kind)
    return found


def _section(known: Dict) -> List[str]:
    rows = [
        ("`{}`".format(key), _default(default), _allowed(key), MEANINGS.get(key, ""))
        for key, default in known.items()
    ]
    return table(("setting", "default", "allowed", "meaning"), rows)


def _allowed(key: str) -> str:
    if key in settings.BOUNDS:
        return settings.BOUNDS[key][2]
    choices = settings.CHOICES.get("train." + key, ())  # no other section has any
    return ", ".join("`{}`".format(_toml(each)) for each in choices)


def _default(value) -> str:
    return "required" if value is plugins.REQUIRED else "`{}`".format(_toml(value))


def _toml(value) -> str:
    """A default as a suite would write it; TOML has no word for None."""
    return "(unset)" if value is None else json.dumps(value)


def _kind(title: str, kind: str) -> List[str]:
    """The table of one kind of plug-in: its members, what they are, what they may be told."""
    rows = [
        ("`{}`".format(name), _what(kind, name), _options(kind, name))
        for name in plugins.names(kind)
    ]
    head = ["## " + title, "", "Files in `{}/`.".format(plugins.KINDS[kind].folder), ""]
    return head + table(("name", "what it is", "settings and defaults"), rows)


def _what(kind: str, name: str) -> str:
    """The first paragraph of a module's docstring, on one line."""
    text = inspect.getdoc(plugins.load(kind, name)) or ""
    return text.split("\n\n")[0].replace("\n", " ")


def _options(kind: str, name: str) -> str:
    found = plugins.options(kind, name, listing.SETTINGS[kind]) if kind in listing.SETTINGS else {}
    return ", ".join(
        "`{}`".format(key if value is plugins.REQUIRED else "{} = {}".format(key, _toml(value)))
        for key, value in found.items()
    )
