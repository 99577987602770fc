"""The page of a suite: self-contained, no network, the same bytes every time.

The answer comes first, then the sections that belong on the first screen, then all else.
"""

from types import ModuleType
from typing import List

from edgejoule import plugins
from edgejoule.reports import markup, verdict
from edgejoule.reports.gather import Report

FIRST_SCREEN = 10  # sections of a lower ORDER stand right under the answer


def page(report: Report) -> str:
    """The HTML document."""
    parts = [
        (module.ORDER < FIRST_SCREEN, module.TITLE, slug(module.TITLE), module.render(report))
        for module in sections()
    ]
    shown = [part for part in parts if part[3]]
    return str(
        markup.render(
            "page.html",
            report=report,
            bundles=report.bundles,
            verdict=verdict.verdict(report),
            title=title(report),
            first=[part[1:] for part in shown if part[0]],
            sections=[part[1:] for part in shown if not part[0]],
            until=_until(report),
            style=markup.Markup((markup.TEMPLATES / "style.css").read_text(encoding="utf8")),
        )
    )


def sections() -> List[ModuleType]:
    """The modules of the sections folder in the order they ask for."""
    modules = [plugins.load("sections", name) for name in plugins.names("sections")]
    return sorted(modules, key=lambda module: (module.ORDER, module.TITLE))


def title(report: Report) -> str:
    """The document's title; fake or estimated power comes first in it."""
    label = report.power.label.upper()
    return " · ".join(([label] if label else []) + [report.bundles.name, "EdgeJoule"])


def slug(words: str) -> str:
    """A heading as an anchor."""
    return "-".join("".join(c if c.isalnum() else " " for c in words.lower()).split())


def _until(report: Report) -> str:
    """The end of the latest run: a date of today would make every page another one."""
    ends = [str(run.record.finished_utc) for run in report.bundles.runs]
    return max(ends)[:16].replace("T", " ") if ends else ""
