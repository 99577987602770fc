"""Writes the reference pages that follow from the code: commands, suite settings and the API.

`docs/conf.py` calls `write` before every build. Git ignores what it writes into docs/reference/,
so nobody can forget to bring it up to date. Runs on every Python that the project runs on.
"""

import argparse
import importlib
import inspect
import sys
from pathlib import Path
from typing import List, Tuple

import settings_page
from markdown_table import table

import edgejoule
from edgejoule import command_line

WIDTH = 88  # columns of a usage line: what the page shows without scrolling
COMMANDS = """\
# Commands

Every command is `edgejoule COMMAND`, or `python3 edgejoule.py COMMAND` in a clone that was not
installed. `edgejoule COMMAND --help` prints what stands here.

```text
{}
```
"""
API = """\
# Python API

What `from edgejoule import ...` offers; nothing else is promised to stay. Seconds, joules and watts
throughout; `None` is not measured.
"""


def write(folder: Path) -> None:
    """Writes commands.md, settings.md and api.md into a folder."""
    pages = {"commands": commands(), "settings": settings_page.lines(), "api": api(edgejoule)}
    for name, lines in pages.items():
        (folder / (name + ".md")).write_text("\n".join(lines) + "\n", encoding="utf8")


def commands() -> List[str]:
    """The page of all sub-commands, from the parsers that the command line itself uses."""
    lines = [COMMANDS.format(command_line.EXAMPLES.strip())]
    for command in command_line.COMMANDS:
        lines += _command(command.name, command.package)
    return lines


def _command(name: str, package: str) -> List[str]:
    path = "edgejoule.{}.commands.{}".format(package, name.replace("-", "_"))
    module = importlib.import_module(path)
    parser = command_line.Parser(prog="edgejoule " + name, formatter_class=_wide, add_help=False)
    module.arguments(parser)
    first, _, more = inspect.getdoc(module).partition("\n\n")
    lines = ["## " + name, "", first, "", "```text", parser.format_usage().strip(), "```", ""]
    rows = [_argument(each) for each in parser._actions]  # argparse has no public list of them
    lines += table(("argument", "meaning"), rows) if rows else []
    return lines + (["```text", more.rstrip(), "```", ""] if more else [])


def _wide(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=WIDTH)


def _argument(action: argparse.Action) -> Tuple[str, str]:
    """(how it is written, what it means)."""
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if action.choices and not action.metavar:
        value = "{" + ",".join(str(each) for each in action.choices) + "}"
    if isinstance(value, tuple):
        value = " ".join(value)
    names = ", ".join("{} {}".format(each, value).strip() for each in action.option_strings)
    meaning = (action.help or "") % dict(vars(action), prog="edgejoule")
    return "`{}`".format(names or value), meaning


def api(package) -> List[str]:
    """The page of a package's public names, each from its docstring."""
    lines = [API]
    for name in package.__all__:
        if not name.startswith("__"):
            lines += ["## " + name, "", "```{eval-rst}"] + _directive(package, name) + ["```", ""]
    return lines


def _directive(package, name: str) -> List[str]:
    """The autodoc directive of a public name."""
    found, path = getattr(package, name), "{}.{}".format(package.__name__, name)
    if inspect.ismodule(found):
        return [".. automodule:: " + found.__name__, "   :members:"]
    if inspect.isclass(found):
        return [".. autoclass:: " + path, "   :members:"]
    return [(".. autofunction:: " if callable(found) else ".. autodata:: ") + path]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
