"""Channels kept in every group."""
from reports import frames, markup, spread
from reports.quantity import ONE, written

TITLE = "What was kept"
ORDER = 60


def render(report):
    """One table per block: a row per group of channels, a column per method that cut."""
    frame = frames.per_run(report.bundles, "layers")
    if not len(frame):
        return ""
    blocks = [_block(report, key, frame) for key in report.blocks]
    return markup.render("layers.html", blocks=[block for block in blocks if block["methods"]])


def _block(report, key, frame):
    methods = [method for _, method in report.block(key).iterrows()
               if frame["case_id"].isin(method["case_ids"]).any()]
    ids = [case_id for method in methods for case_id in method["case_ids"]]
    groups = frame[frame["case_id"].isin(ids)].groupby("group", sort=False)["channels"].max()
    return {"heading": report.heading(key), "methods": [m["name"] for m in methods],
            "series": [report.series(m["label"]) for m in methods],
            "rows": [(name, int(channels), [_kept(frame, method, name, channels)
                                            for method in methods])
                     for name, channels in groups.items()]}


def _kept(frame, method, group, channels):
    """(share kept in percent, "12 ± 1") of one group, None if the method has no such group."""
    members = frame[(frame["group"] == group) & frame["case_id"].isin(method["case_ids"])]
    kept = spread.spread(list(members["kept"].astype(float)))
    if kept is None:
        return None
    mean, extra = written(kept, ONE, exact=True)
    return round(100 * kept.mean / channels), mean, extra
