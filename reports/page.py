"""The page of a suite: self-contained, no network and no script, the same bytes every time."""

from types import ModuleType
from typing import List

from edgejoule import plugins
from edgejoule.reports import markup, verdict
from edgejoule.reports.gather import Report


def page(report: Report) -> str:
    """The HTML document."""
    parts = [(module.TITLE, slug(module.TITLE), module.render(report)) for module in sections()]
    shown = [part for part in parts if part[2]]
    return str(
        markup.render(
            "page.html",
            report=report,
            bundles=report.bundles,
            findings=verdict.findings(report),
            title=title(report),
            sections=shown,
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
