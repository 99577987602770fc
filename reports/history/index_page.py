"""The page that leads to all runs: devices and suites, and a table of all nights."""

from typing import Any, Dict, List, Optional, Tuple

from edgejoule.bench.history import store
from edgejoule.reports.history import changes, page_frame, past
from edgejoule.reports.tables import Cell, Column, Row, Table
from edgejoule.reports.words import plain, plural

RECENT = 60  # nights of all places that are shown unfolded: two months of one board


def page(history: past.Past) -> str:
    """The HTML: a table of devices and suites, then every night, the latest first."""
    lines = nights(history)
    return page_frame.page(
        "index.html",
        history,
        "All runs",
        headline=headline(history),
        suites=sorted({suite for _, suite in history.places}),
        devices=_devices(history),
        recent=lines[:RECENT],
        older=lines[RECENT:],
        verdicts=changes.VERDICTS,
    )


def headline(history: past.Past) -> str:
    """What there is in all: "480 runs in 60 nights of 1 suite on 1 device"."""
    runs = sum(len(rows) for rows in history.rows.values())
    dates = {night.night for each in history.nights.values() for night in each}
    return "{} in {} of {} on {}".format(
        plural(runs, "run"),
        plural(len(dates), "night"),
        plural(len({suite for _, suite in history.places}), "suite"),
        plural(len({device for device, _ in history.places}), "device"),
    )


def nights(history: past.Past) -> List[Dict[str, Any]]:
    """One dict per night of a place, the latest first: what it ran, what was found."""
    every = [night for each in history.nights.values() for night in each]
    every.sort(key=lambda night: (night.device, night.suite))
    every.sort(key=lambda night: store.order(night.night), reverse=True)  # keeps the order above
    return [_night(history, night) for night in every]


def table(history: past.Past) -> Table:
    """The nights as a table for Markdown and LaTeX."""
    columns = (
        Column("Night", number=False),
        Column("Device", number=False),
        Column("Suite", number=False),
        Column("Verdict", number=False),
        Column("Found", number=False),
        Column("Runs"),
        Column("Commit", number=False),
        Column("Power", number=False),
    )
    body = tuple(
        Row(
            tuple(
                Cell(str(each[name]))
                for name in (
                    "night",
                    "device",
                    "suite",
                    "verdict",
                    "found",
                    "runs",
                    "commit",
                    "power",
                )
            )
        )
        for each in nights(history)
    )
    return Table("All nights", columns, body, (("", headline(history)),))


def _devices(history: past.Past) -> List[Tuple[str, List]]:
    """(device, [its last night of each suite, None where it has none])."""
    suites = sorted({suite for _, suite in history.places})
    return [
        (plain(device), [_place(history, (device, suite)) for suite in suites])
        for device in sorted({device for device, _ in history.places})
    ]


def _place(history: past.Past, place: past.Place) -> Optional[Dict[str, Any]]:
    if place not in history.nights:
        return None
    night = dict(_night(history, history.nights[place][-1]))
    night["nights"] = plural(len(history.nights[place]), "night")
    return night


def _night(history: past.Past, night: store.Night) -> Dict[str, Any]:
    rows, document = history.measured(night), night.document or {}
    unreal = past.unreal(rows)
    return {
        "night": plain(night.night),
        "device": plain(night.device),
        "suite": plain(night.suite),
        "verdict": past.verdict(night) or "not judged",
        "found": _found(night, rows),
        "runs": len(rows),
        "commit": past.commit(
            document.get("commit") or next((row.commit for row in rows if row.commit), None)
        ),
        "power": ", ".join(unreal)
        if unreal
        else "measured"
        if any(row.metrics.get("joules") is not None for row in rows)
        else "not measured",
        "link": past.link(history, night),
    }


def _found(night: store.Night, rows: List[store.Row]) -> str:
    """What changed or was not there, each method counted once."""
    counts = changes.counts(night, rows)
    counts.update({"unchanged": 0, "not judged": 0})
    return (
        changes.summary(counts)
        if any(counts.values())
        else "nothing"
        if past.verdict(night)
        else ""
    )
