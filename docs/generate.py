"""Writes the reference pages that follow from the code: commands, suite settings and the API.

`docs/conf.py` calls `write` before every build. Git ignores what it writes into docs/reference/,
so nobody can forget to bring it up to date. Runs on every Python that the project runs on.
"""

import argparse
import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

import edgejoule
from edgejoule import command_line
from edgejoule.bench import plugins, settings

WIDTH = 88  # columns of a usage line: what the page shows without scrolling
MEANINGS = {  # what a name and a default do not say by themselves
    "epochs": "passes over the training set",
    "seed": "of weights, order and augmentation; a list is the usual axis",
    "batch_size": "pictures per step",
    "learning_rate": "of SGD, at the start",
    "momentum": "of SGD",
    "weight_decay": "of SGD, on all parameters",
    "nesterov": "Nesterov's momentum",
    "milestones": "shares of the epochs after which the learning rate falls",
    "decay": "what the learning rate is multiplied by there",
    "augment": "whether the data set's augmentation is used",
    "device": "`auto` takes the first GPU if torch sees one, else `cpu`",
    "threads": "of torch on the processor; 0 leaves torch's own choice",
    "power": "the sensor, as `edgejoule devices` names it; `none` measures no joules",
    "fake_power": "watts or a trace to play in place of a sensor; `--fake-power` sets it",
    "period_s": "seconds between two samples of the sensor",
    "name": "a file of the folder below",
    "root": "folder in which the data set's files lie",
}


def write(folder: Path) -> None:
    """Writes commands.md, settings.md and api.md into a folder."""
    pages = {"commands": commands(), "settings": suite_settings(), "api": api(edgejoule)}
    for name, lines in pages.items():
        (folder / (name + ".md")).write_text("\n".join(lines) + "\n", encoding="utf8")


def commands() -> List[str]:
    """The page of all sub-commands, from the parsers that the command line itself uses."""
    lines = ["# Commands", ""]
    lines += ["Every command is `edgejoule COMMAND`, or `python3 edgejoule.py COMMAND` in a clone"]
    lines += ["that was not installed. `edgejoule COMMAND --help` prints what stands here.", ""]
    lines += ["```text", command_line.EXAMPLES.strip(), "```", ""]
    for name, package, sentence in command_line.COMMANDS:
        lines += _command(name, package, sentence)
    return lines


def _command(name: str, package: str, sentence: str) -> List[str]:
    module = importlib.import_module(
        "edgejoule.{}.commands.{}".format(package, name.replace("-", "_"))
    )
    parser = command_line.Parser(prog="edgejoule " + name, formatter_class=_wide, add_help=False)
    module.arguments(parser)
    first, _, more = inspect.getdoc(module).partition("\n\n")
    lines = ["## " + name, "", first, "", "```text", parser.format_usage().strip(), "```", ""]
    rows = [_option(each) for each in parser._actions]  # argparse has no public list of them
    lines += _table(("argument", "meaning"), rows) if rows else []
    return lines + (["```text", more.rstrip(), "```", ""] if more else [])


def _wide(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=WIDTH)


def _option(action: argparse.Action) -> Tuple[str, str]:
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if action.choices and not action.metavar:
        value = "{" + ",".join(str(each) for each in action.choices) + "}"
    if isinstance(value, tuple):
        value = " ".join(value)
    names = ", ".join("{} {}".format(each, value).strip() for each in action.option_strings)
    meaning = (action.help or "") % dict(vars(action), prog="edgejoule")
    return "`{}`".format(names or value), meaning


def suite_settings() -> List[str]:
    """The page of everything that a suite may set."""
    lines = ["# Suite settings", "", "A suite is a TOML file: a question and a grid of settings."]
    lines += [
        "A list is an axis of the grid, unless the setting is a list by nature; then a list of"
    ]
    lines += ["lists is an axis. A setting that is shown without a value, or as required, has no"]
    lines += ["default. An unknown setting is an error that names its nearest neighbour."]
    lines += ["`edgejoule list` prints the same from your installation.", ""]
    for title, table in (("train", settings.TRAIN), ("measure", settings.MEASURE)):
        lines += ["## [{}]".format(title), ""] + _section(table)
    lines += ["## [dataset]", ""] + _section({"name": plugins.REQUIRED, "root": "data"})
    for kind, (folder, functions) in importlib.import_module(
        "edgejoule.bench.commands.list"
    ).FOLDERS.items():
        lines += _kind(kind, folder, functions)
    return lines


def _section(table: Dict) -> List[str]:
    rows = [
        ("`{}`".format(key), _default(default), _bounds(key), MEANINGS.get(key, ""))
        for key, default in table.items()
    ]
    return _table(("setting", "default", "allowed", "meaning"), rows)


def _bounds(key: str) -> str:
    return settings.BOUNDS[key][2] if key in settings.BOUNDS else ""


def _default(value) -> str:
    return "required" if value is plugins.REQUIRED else "`{}`".format(_toml(value))


def _toml(value) -> str:
    """A default as a suite would write it; TOML has no word for None."""
    return "(unset)" if value is None else json.dumps(value)


def _kind(kind: str, folder: str, functions: Iterable[str]) -> List[str]:
    """The table of one plug-in folder: its members, what they are, what they may be told."""
    rows = [
        (
            "`{}`".format(name),
            _first_line(plugins.load(folder, name)),
            _options(folder, name, functions),
        )
        for name in plugins.names(folder)
    ]
    title = {"datasets": "Data sets", "devices": "Power sensors"}.get(kind, kind.capitalize())
    lines = ["## " + title, "", "One file each in `{}/`.".format(folder), ""]
    return lines + _table(("name", "what it is", "settings and defaults"), rows)


def _first_line(module) -> str:
    return (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")


def _options(folder: str, name: str, functions: Iterable[str]) -> str:
    found = {}
    for function in functions:
        found.update(plugins.options(folder, name, function))
    return ", ".join(
        "`{}`".format(key if value is plugins.REQUIRED else "{} = {}".format(key, _toml(value)))
        for key, value in found.items()
    )


def api(package) -> List[str]:
    """The page of a package's public names, each from its docstring."""
    lines = [
        "# Python API",
        "",
        "What `from edgejoule import ...` offers; nothing else is promised",
    ]
    lines += ["to stay. Seconds, joules and watts throughout; `None` is not measured.", ""]
    for name in package.__all__:
        found = getattr(package, name)
        if not name.startswith("__"):
            lines += ["## " + name, "", "```{eval-rst}"] + _directive(found) + ["```", ""]
    return lines


def _directive(found) -> List[str]:
    """The autodoc directive of a class, a function or a module, by the name it was made under."""
    if inspect.ismodule(found):
        return [".. automodule:: " + found.__name__, "   :members:"]
    path = found.__module__ + "." + getattr(found, "__qualname__", type(found).__name__)
    if inspect.isclass(found):
        return [".. autoclass:: " + path, "   :members:"]
    return [".. autofunction:: " + path]


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> List[str]:
    lines = [heads, ["---"] * len(tuple(heads))] + [list(row) for row in rows]
    return ["| {} |".format(" | ".join(_cell(each) for each in line)) for line in lines] + [""]


def _cell(text: str) -> str:
    """Text that ends no cell and opens no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;") if text else " "


if __name__ == "__main__":
    write(Path(sys.argv[1]))
