"""Channels kept in every group."""

from typing import Dict, List, Optional, Tuple

import pandas

from edgejoule.bench import rounding
from edgejoule.reports import excerpt, markup, spread
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup
from edgejoule.reports.quantity import ONE, written

TITLE = "What was kept"
ORDER = 60


def render(report: Report) -> Markup:
    """One table per block: a row per group of channels, a column per method that cut."""
    shown, left_out = excerpt.methods(
        report, lambda method: any(report.parts[case_id].layers for case_id in method["case_ids"])
    )
    if not shown:
        return Markup("")
    blocks = [
        _block(report, key, [method for method in shown if method["block"] == key])
        for key in report.blocks
    ]
    return markup.render(
        "layers.html", blocks=[block for block in blocks if block["methods"]], left_out=left_out
    )


def _block(report: Report, key: str, methods: List[pandas.Series]) -> Dict:
    layers = [_layers(report, method) for method in methods]
    channels: Dict[str, float] = {}
    for group, found in (pair for each in layers for pair in each.items()):
        channels[group] = max([channels.get(group, 0)] + [layer["channels"] for layer in found])
    return {
        "heading": report.heading(key),
        "methods": [m["name"] for m in methods],
        "series": [report.series(m["label"]) for m in methods],
        "rows": [
            (name, int(count), [_kept(each.get(name), count) for each in layers])
            for name, count in channels.items()
        ],
    }


def _layers(report: Report, method: pandas.Series) -> Dict[str, List[Dict]]:
    """{group: its layer in every run of the method}."""
    found: Dict[str, List[Dict]] = {}
    for case_id in method["case_ids"]:
        for layer in report.parts[case_id].layers:
            found.setdefault(layer["group"], []).append(layer)
    return found


def _kept(layers: Optional[List[Dict]], channels: float) -> Optional[Tuple[int, str, str]]:
    """(share kept in percent, "12", "± 1") of one group, None if the method has no such group."""
    kept = spread.spread([float(layer["kept"]) for layer in layers or ()])
    if kept is None:
        return None
    mean, extra = written(kept, ONE, exact=True)
    return int(rounding.percent(kept.mean / channels, 0)), mean, extra
