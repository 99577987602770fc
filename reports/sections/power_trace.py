"""Watts over time of one run per method."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import quote

import pandas

from edgejoule.bench import manifest
from edgejoule.bench.records import RunRecord
from edgejoule.reports import export, markup, sources, traces
from edgejoule.reports.figures import power_plot
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup
from edgejoule.reports.words import listed, plain, plural

TITLE = "Power over time"
ORDER = 55
FILE = "trace.json"
MOST = 8  # figures; also the runs of a method that are tried, and linked
CAPTION = (
    "One run per method; of every stretch of time the least and the largest sample, so "
    "every peak is there. Shades are phases, ticks at the foot the beginnings of epochs. A "
    "line breaks where samples are missing."
)
UNMARKED = "Phases are not shaded where a record does not say when they began."


class Drawable(NamedTuple):
    """A run whose trace has samples, and what its record says of them."""

    record: RunRecord
    trace: traces.Trace
    marks: power_plot.Marks


def render(report: Report) -> Markup:
    """One figure per method with a trace, links to the traces of all its runs; "" without one."""
    figures: List[Tuple] = []
    refused: List[str] = []
    unmarked, left_out = False, 0
    files = {run.record.case_id: run.files for run in report.bundles.runs}
    for number, (_, method) in enumerate(report.methods.iterrows()):
        ids = [
            case_id
            for case_id in method["case_ids"]
            if FILE in files[case_id] and _has_source(report.records[case_id].device)
        ]
        if len(figures) == MOST:
            left_out += bool(ids)
            continue
        found, sentences = _first(report, ids)
        refused += sentences
        if found:
            unmarked = unmarked or not found.marks.phases
            figures.append(_figure(report, method, found, ids, number))
    if not figures and not refused:
        return Markup("")
    caption = _caption(unmarked, left_out, refused)
    return markup.render("power.html", figures=figures, caption=caption)


def _caption(unmarked: bool, left_out: int, refused: List[str]) -> str:
    """What the figures show, and what they do not."""
    parts = [CAPTION]
    if unmarked:
        parts.append(UNMARKED)
    if left_out:
        more = plural(left_out, "more method")
        parts.append("{} not drawn; the traces are among the raw files.".format(more))
    if refused:
        parts.append("Not drawn: {}.".format(listed(refused)))
    return " ".join(parts)


def _first(report: Report, ids: List[str]) -> Tuple[Optional[Drawable], List[str]]:
    """(the first run whose trace has samples, or None; why those before it cannot be drawn)."""
    refused = []
    for case_id in ids[:MOST]:
        try:
            manifest.check_file(report.bundles.folder / case_id, FILE)
            trace = traces.read(report.bundles.folder / case_id / FILE)
        except ValueError as error:
            refused.append("the power trace of {}: {}".format(plain(case_id), plain(error)))
            continue
        if trace is not None:
            record = report.records[case_id]
            return Drawable(record, trace, power_plot.marks(record, trace)), refused
    return None, refused


def _figure(
    report: Report, method: pandas.Series, found: Drawable, ids: List[str], number: int
) -> Tuple[str, Markup, List[Tuple[str, str]], int]:
    """(name, figure, (seed, link) of the raw traces, how many more of these there are)."""
    name = " · ".join(
        filter(
            None,
            (
                method["name"],
                "seed {}".format(found.record.case["train"]["seed"]),
                export.power_words(method),
                report.heading(method["block"]),
            ),
        )
    )
    drawing = power_plot.draw(
        "power-{}".format(number),
        method["name"],
        found.trace,
        found.marks,
        report.series(method["label"]),
        sources.label(found.record.device),
    )
    seeds = {
        case_id: run.case["train"]["seed"]
        for case_id, run in zip(method["case_ids"], report.of(method))
    }
    links = [
        ("seed {}".format(seeds[case_id]), "/".join((report.raw, quote(case_id, safe=""), FILE)))
        for case_id in ids[:MOST]
    ]
    return name, drawing, links, max(len(ids) - MOST, 0)


def _has_source(device: Dict[str, Any]) -> bool:
    """False where nothing could be sampled, so that an empty trace is not even opened."""
    return any(device.get(key) for key in ("rail", "fake", "estimate"))
