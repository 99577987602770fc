"""How Sphinx builds the site, which fetches nothing while it is built or read: `make docs`."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # generate and offline lie here
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # not an installed edgejoule

import generate
import offline

from edgejoule import __version__

project = "EdgeJoule"
copyright = "the EdgeJoule authors, Apache-2.0"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "EdgeJoule " + __version__
html_show_sourcelink = False
html_copy_source = False
myst_heading_anchors = 3  # links such as gates.md#blessing, checked by the build
default_role = "literal"  # docstrings are written with single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_rtype = False


def marked_up(line: str) -> str:
    """A docstring's line as reStructuredText: code stays code, stars and bars mean themselves."""
    parts = line.split("`")
    plain = [re.sub(r"([*|])|_(?=\W|$)", r"\\\g<0>", part) for part in parts[::2]]
    parts[::2] = plain
    return "`".join(parts)


def reword(app, what, name, found, options, lines) -> None:
    """Turns a docstring into reStructuredText, in place."""
    lines[:] = [marked_up(line) for line in lines]


def is_field(app, what, name, found, skip, options) -> bool:
    """True for what shall not be listed: a named tuple's fields, which its signature shows."""
    return skip or (found.__doc__ or "").startswith("Alias for field number")


def setup(app) -> None:
    """Writes the generated pages before the build and looks for outside requests after it."""
    generate.write(Path(__file__).resolve().parent / "reference")
    app.connect("autodoc-process-docstring", reword, priority=100)  # before napoleon reads it
    app.connect("autodoc-skip-member", is_field)
    app.connect("build-finished", offline.refuse)
