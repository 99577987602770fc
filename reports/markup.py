"""Templates: Jinja2 with autoescape on, from the folder `templates`."""

from functools import lru_cache
from pathlib import Path

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values) -> Markup:
    """A template filled with values; every value is escaped unless it is markup already."""
    return Markup(environment().get_template(template).render(**values))


@lru_cache(maxsize=None)
def environment() -> jinja2.Environment:
    """Strict: a value that is not there is an error, not an empty place."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(TEMPLATES)),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
