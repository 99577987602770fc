"""Templates: Jinja2 with autoescape on, from the folder `templates`; and links that pages hold."""

import base64
import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> Markup:
    """A template filled with values; every value is escaped unless it is markup already."""
    return Markup(environment().get_template(template).render(**values))


def link(folder: Path, path: Path) -> str:
    """The way from a page in a folder to a file or another folder, as a relative URL."""
    return quote(os.path.relpath(str(path.resolve()), str(folder.resolve())))


@lru_cache(maxsize=None)
def environment() -> jinja2.Environment:
    """Strict: a value that is not there is an error, not an empty place."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(TEMPLATES)),
        autoescape=True,
        trim_blocks=True,  # no empty lines where a template only decides
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    text = script()
    made.globals.update(script=Markup(text), script_digest=digest(text))
    return made


def script() -> str:
    """The script that sorts and filters tables; a page is whole without it."""
    return (TEMPLATES / "table.js").read_text(encoding="utf8")


def digest(text: str) -> str:
    """The source that a content security policy allows a script by: 'sha256-...'."""
    found = hashlib.sha256(text.encode("utf8")).digest()
    return "sha256-{}".format(base64.b64encode(found).decode("ascii"))
