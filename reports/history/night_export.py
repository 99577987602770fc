"""The pages of a history as plain numbers, for programs: SI units, fractions, unknown None."""

import hashlib
from typing import Any, Dict, List, Optional

from edgejoule.reports import tables
from edgejoule.reports.history import changes, index_page, nightly_page, past
from edgejoule.reports.history.nightly_page import Tonight
from edgejoule.reports.tables import Cell, Column, Row, Table
from edgejoule.reports.words import plain


def trends(history: past.Past) -> str:
    """Every point of every series as CSV, one per line, in base units."""
    units = {name: metric.unit for name, metric in past.METRICS.items()}
    power = {place: ", ".join(history.fakes(place)) or "as measured" for place in history.places}
    return tables.csv_text(
        {
            "device": plain(device),
            "suite": plain(suite),
            "night": plain(point.night),
            "method": plain(label),
            "metric": metric,
            "unit": units[metric],
            "value": point.value,
            "seeds": point.n,
            "commit": point.commit or "",
            "power": power[(device, suite)],
            "surroundings": _short(point.context),
        }
        for (device, suite, label, metric), points in sorted(history.series.items())
        for point in points
    )


def _short(context: str) -> str:
    """Eight hex digits that only points with the same surroundings share."""
    return hashlib.sha256(context.encode("utf8", "replace")).hexdigest()[:8] if context else ""


def nights(history: past.Past) -> str:
    """All nights as CSV, the latest first."""
    return tables.csv_text(
        {key: each[key] for key in each if key != "link"} for each in index_page.nights(history)
    )


def findings(history: past.Past, chosen: Optional[str] = None) -> str:
    """What was found in the nights that the nightly page shows, as CSV."""
    shown = [
        history.nights[place][number] for place, number in nightly_page.picked(history, chosen)
    ]
    return tables.csv_text(
        dict(
            {
                "device": plain(night.device),
                "suite": plain(night.suite),
                "night": plain(night.night),
            },
            **_finding(each),
        )
        for night in shown
        for each in past.findings(night)
    )


def _finding(finding: Dict) -> Dict:
    values = {name: finding[name] for name in past.NUMBERS}
    for end in ("since", "until"):
        found = finding.get(end)
        where = found if isinstance(found, dict) else {}
        values[end + "_night"] = plain(where.get("night") or "")
        values[end + "_commit"] = plain(where.get("commit") or "")
    return dict(
        {"kind": changes.kind(finding), "method": plain(finding.get("label") or "")},
        metric=plain(finding.get("metric") or ""),
        unit=plain(finding.get("unit") or ""),
        confirmed=_yes_or_no(finding.get("confirmed")),
        **values,
    )


def _yes_or_no(confirmed: Any) -> str:
    return "yes" if confirmed is True else "no" if confirmed is False else "not known"


def found(tonight: List[Tonight]) -> Table:
    """What the nightly page opens with, as a table for Markdown and LaTeX."""
    names = (
        "Device",
        "Suite",
        "Night",
        "Found",
        "Method",
        "Metric",
        "Change",
        "95 % interval",
        "Before",
        "After",
        "Last good",
        "First changed",
        "Confirmed",
    )
    body = []
    for night in tonight:
        for each in night.changes + night.others:
            body.append(
                Row(
                    tuple(
                        Cell(words)
                        for words in (
                            night.device,
                            night.suite,
                            night.night,
                            each.kind,
                            each.label,
                            each.metric,
                            each.size,
                            each.interval,
                            each.before,
                            each.after,
                            each.until,
                            each.since,
                            each.confirmed,
                        )
                    )
                )
            )
    return Table(
        "What changed",
        tuple(Column(name, number=False) for name in names),
        tuple(body),
        tuple(
            (
                "",
                "{} on {}, night {}: {}: {}".format(
                    night.suite,
                    night.device,
                    night.night,
                    night.verdict or "not judged",
                    changes.summary(night.counts),
                ),
            )
            for night in tonight
        ),
    )
