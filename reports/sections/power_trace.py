"""Watts over time of one run per method."""

from urllib.parse import quote

from edgejoule.reports import export, markup, traces
from edgejoule.reports.figures import power_plot
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


def render(report):
    """One figure per method with a trace, links to the traces of all its runs; "" without one."""
    figures, said, unmarked, left = [], [], False, 0
    files = {run.record.case_id: run.files for run in report.bundles.runs}
    for number, (_, method) in enumerate(report.methods.iterrows()):
        ids = [
            case_id
            for case_id in method["case_ids"]
            if FILE in files[case_id] and _source(report.records[case_id].device)
        ]
        if len(figures) == MOST:
            left += bool(ids)
            continue
        found, sentences = _first(report, ids)
        said += sentences
        if found:
            record, trace = found
            marks = power_plot.marks(record, trace)
            unmarked = unmarked or not marks.phases
            figures.append(_figure(report, method, record, trace, marks, ids, number))
    if not figures and not said:
        return ""
    return markup.render(
        "power.html",
        figures=figures,
        caption=" ".join(
            [CAPTION]
            + ([UNMARKED] if unmarked and figures else [])
            + (
                [
                    "{} not drawn; the traces are among the raw files.".format(
                        plural(left, "more method")
                    )
                ]
                if left
                else []
            )
            + (["Not drawn: {}.".format(listed(said))] if said else [])
        ),
    )


def _first(report, ids):
    """((record, trace) of the first run whose trace has samples, or None; sentences)."""
    said = []
    for case_id in ids[:MOST]:
        try:
            trace = traces.read(report.bundles.folder / case_id / FILE)
        except ValueError as error:
            said.append("the power trace of {}: {}".format(plain(case_id), plain(error)))
            continue
        if trace is not None:
            return (report.records[case_id], trace), said
    return None, said


def _figure(report, method, record, trace, marks, ids, number):
    label = _label(record.device)
    name = " · ".join(
        filter(
            None,
            (
                method["name"],
                "seed {}".format(record.case["train"]["seed"]),
                export.power_words(method),
                report.heading(method["block"]),
            ),
        )
    )
    drawing = power_plot.draw(
        "power-{}".format(number),
        method["name"],
        trace,
        marks,
        report.series(method["label"]),
        label,
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


def _source(device) -> bool:
    """False where nothing could be sampled, so that an empty trace is not even opened."""
    return any(device.get(key) for key in ("rail", "fake", "estimate"))


def _label(device) -> str:
    return (
        "fake power" if device.get("fake") else "estimated power" if device.get("estimate") else ""
    )
