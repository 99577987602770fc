"""Device, versions, commit: what the numbers depend on besides the method."""

from edgejoule.reports import markup, surroundings
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup
from edgejoule.reports.words import plain

TITLE = "Environment"
ORDER = 80
MOST = 24  # runs; a table of more columns is no table


def render(report: Report) -> Markup:
    """A table of what differs, a row per entry and a column per run; and what all runs share."""
    runs = report.bundles.runs
    if not runs:
        return Markup("")
    shared, differing = report.surroundings
    shown = runs[:MOST]
    return markup.render(
        "environment.html",
        shared=shared,
        differing=differing,
        rows=surroundings.across(shown) if differing else [],
        names=[_name(run.record.label, run.record.case["train"]["seed"]) for run in shown],
        whole=len(runs),
    )


def _name(label: str, seed: int) -> str:
    return "{}, seed {}".format(plain(label), seed)
