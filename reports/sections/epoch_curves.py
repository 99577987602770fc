"""Loss, accuracy and cost of every epoch."""
from reports import epoch_plot, frames, markup
from reports.epoch_plot import Curves
from reports.spread import known

TITLE = "Epoch by epoch"
ORDER = 50
COLUMNS = ("loss", "accuracy", "seconds", "joules")


def render(report):
    """One figure per method; axes are shared within a block. Grey: dense training."""
    frame = frames.per_run(report.bundles, "epochs")
    trained = dict(list(frame.groupby("case_id", sort=False))) if len(frame) else {}
    figures = [figure for number, key in enumerate(report.blocks)
               for figure in _block(report, key, "epochs-{}".format(number), trained)]
    if not figures:
        return ""
    return markup.render(
        "figures.html", figures=figures, kind="narrow",
        caption="A line per seed, grey: dense training. The dotted line is where the phase changes.")


def _block(report, key, identity, trained):
    methods = [method for _, method in report.block(key).iterrows()
               if any(case_id in trained for case_id in method["case_ids"])]
    curves = [_curves(report, method, trained) for method in methods]
    if not curves:
        return
    dense = [each for method, each in zip(methods, curves) if method["dense"]]
    costs = [value for each in curves for _, _, columns in each.seeds
             for value in columns[report.cost]]
    label = report.power.label if report.cost == "joules" else ""
    parts = epoch_plot.panels(report.cost, [c for c in costs if c is not None], label)
    plots = epoch_plot.shared(curves, parts)
    for number, each in enumerate(curves):
        yield (" · ".join(filter(None, (each.name, report.heading(key)))),
               epoch_plot.draw("{}-{}".format(identity, number), each, dense[0] if dense else None,
                               plots, parts))


def _curves(report, method, trained) -> Curves:
    seeds, cuts = [], []
    for seed, case_id in zip(method["seeds"], method["case_ids"]):
        run = trained.get(case_id)
        if run is None:
            continue
        columns = {name: [value if known([value]) else None
                          for value in run[name].astype(float)] for name in COLUMNS}
        seeds.append((seed, list(run["epoch"]), columns))
        changed = run["phase"] != run["phase"].shift()
        cuts += [epoch - 1 for epoch in run["epoch"][changed].iloc[1:]]
    return Curves(method["name"], report.series(method["label"]), tuple(seeds), tuple(cuts))
