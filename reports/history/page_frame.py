"""What the pages of a history share: head, links to each other, the warning of fake power."""

from typing import Any

from edgejoule.reports import markup, sources
from edgejoule.reports.history import past
from edgejoule.reports.markup import Markup
from edgejoule.reports.words import listed

PAGES = (
    ("index.html", "All runs"),
    ("nightly.html", "Last night"),
    ("trends.html", "Trends"),
    ("pareto.html", "Accuracy against energy"),
)


def page(template: str, history: past.Past, title: str, **values: Any) -> str:
    """One page of a history: self-contained, no network."""
    fakes = history.fakes()
    label = sources.label_of(fakes[0]).upper() if fakes else ""
    words = " · ".join(([label] if label else []) + [title, "EdgeJoule"])
    return str(
        markup.render(
            template,
            style=Markup(_sheet("style.css") + _sheet("history.css")),
            title=words,
            label=label,
            fake=listed(fakes, most=3),
            pages=PAGES,
            here=template,
            **values,
        )
    )


def _sheet(name: str) -> str:
    return (markup.TEMPLATES / name).read_text(encoding="utf8")
