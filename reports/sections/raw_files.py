"""Every run with links to its files."""

from urllib.parse import quote

from edgejoule.bench import rounding
from edgejoule.reports import markup
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup
from edgejoule.reports.words import plain

TITLE = "Runs and raw files"
ORDER = 90
MOST = 1000  # rows; a page of ten thousand takes seconds to open


def render(report: Report) -> Markup:
    """One row per run; links are relative to the page."""
    labels = {
        case_id: method["name"]
        for method in report.methods.to_dict("records")
        for case_id in method["case_ids"]
    }
    runs = [
        {
            "name": labels[run.record.case_id],
            "seed": run.record.case["train"]["seed"],
            "case_id": plain(run.record.case_id),
            "started": plain(run.record.started_utc),
            "attempts": run.record.attempts,
            "accuracy": rounding.percent(run.record.accuracy),
            "files": [
                # quoted whole: a case id may hold a slash or a question mark
                (name, "/".join((report.raw, quote(run.record.case_id, safe=""), name)))
                for name in run.files
            ],
        }
        for run in report.bundles.runs[:MOST]
    ]
    return markup.render(
        "raw.html",
        runs=runs,
        whole=len(report.bundles.runs),
        missing=report.bundles.missing,
        aside=report.bundles.aside,
    )
