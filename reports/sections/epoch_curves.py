"""Loss, accuracy and cost of every epoch."""

from typing import Dict, Iterator, List, Tuple

import pandas

from edgejoule.reports import excerpt, markup
from edgejoule.reports.figures import epoch_plot
from edgejoule.reports.figures.epoch_plot import Curves
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup

TITLE = "Epoch by epoch"
ORDER = 50
CAPTION = "A line per seed, grey: dense training. The dotted line is where the phase changes."
COLUMNS = ("loss", "accuracy", "seconds", "joules")


def render(report: Report) -> Markup:
    """One figure per method; axes are shared within a block. Grey: dense training."""
    shown, left_out = excerpt.methods(report)
    figures = [
        figure
        for number, key in enumerate(report.blocks)
        for figure in _block(report, key, "epochs-{}".format(number), shown)
    ]
    if not figures:
        return Markup("")
    return markup.render("figures.html", figures=figures, kind="narrow", caption=CAPTION + left_out)


def _block(
    report: Report, key: str, identity: str, shown: List[pandas.Series]
) -> Iterator[Tuple[str, Markup]]:
    """(name, figure) of each method of a block that trained."""
    trained = {case_id: parts.epochs for case_id, parts in report.parts.items() if parts.epochs}
    methods = [
        method
        for method in shown
        if method["block"] == key and any(case_id in trained for case_id in method["case_ids"])
    ]
    curves = [_curves(report, method, trained) for method in methods]
    if not curves:
        return
    dense = [each for method, each in zip(methods, curves) if method["dense"]]
    costs = [
        value for each in curves for _, _, columns in each.seeds for value in columns[report.cost]
    ]
    label = report.power.label if report.cost == "joules" else ""
    parts = epoch_plot.panels(report.cost, [c for c in costs if c is not None], label)
    plots = epoch_plot.shared(curves, parts)
    for number, each in enumerate(curves):
        yield (
            " · ".join(filter(None, (each.name, report.heading(key)))),
            epoch_plot.draw(
                "{}-{}".format(identity, number), each, dense[0] if dense else None, plots, parts
            ),
        )


def _curves(report: Report, method: pandas.Series, trained: Dict[str, List[Dict]]) -> Curves:
    """What the figure of one method draws; `trained` are the epochs of every run that has some."""
    seeds, cuts = [], []
    for seed, case_id in list(zip(method["seeds"], method["case_ids"]))[: excerpt.SEEDS]:
        run = trained.get(case_id, ())
        if not run:
            continue
        columns = {name: [each[name] for each in run] for name in COLUMNS}
        seeds.append((seed, [each["epoch"] for each in run], columns))
        cuts += [
            later["epoch"] - 1
            for each, later in zip(run, run[1:])
            if each["phase"] != later["phase"]
        ]
    return Curves(method["name"], report.series(method["label"]), tuple(seeds), tuple(cuts))
