"""The tables as plain numbers, for programs: SI units, fractions, unknown None."""

import json
from typing import Any, Dict, List, Mapping, Optional

from edgejoule.bench.records import CONVENTIONS
from edgejoule.reports import sources
from edgejoule.reports.gather import Report
from edgejoule.reports.results import because
from edgejoule.reports.spread import Ratio
from edgejoule.reports.words import plain

MEANS = (
    ("accuracy", "accuracy"),
    ("params", "final_params"),
    ("forward_macs", "final_macs"),
    ("seconds_per_epoch", "epoch_seconds"),
    ("joules_per_epoch", "epoch_joules"),
    ("seconds", "seconds"),
    ("joules", "joules"),
)
RATIOS = (
    ("seconds_per_epoch", "epoch_seconds"),
    ("joules_per_epoch", "epoch_joules"),
    ("seconds", "seconds"),
    ("joules", "joules"),
)
RUN = (
    "setting",
    "label",
    "seed",
    "case_id",
    "accuracy",
    "final_params",
    "final_macs",
    "seconds",
    "joules",
    "epoch_seconds",
    "epoch_joules",
) + tuple("flops_" + c for c in CONVENTIONS)


def methods(report: Report) -> List[Dict]:
    """One dict per method: mean and sample standard deviation of each quantity, ratios to dense."""
    return [_method(report, method) for method in report.methods.to_dict("records")]


def runs(report: Report) -> List[Dict]:
    """One dict per run; unknown is NaN, which the writer of the CSV leaves empty."""
    words = {
        case_id: power_words(method)
        for method in report.methods.to_dict("records")
        for case_id in method["case_ids"]
    }
    return [
        dict({name: _python_number(row[name]) for name in RUN}, power=words[row["case_id"]])
        for row in report.runs.to_dict("records")
    ]


def _method(report: Report, method: Mapping[str, Any]) -> Dict:
    row = {
        "suite": report.bundles.name,
        "setting": method["setting"],
        "method": method["name"],
        "power": power_words(method),
        "n": int(method["n"]),
    }
    for name, key in MEANS + tuple(("flops_" + each,) * 2 for each in CONVENTIONS):
        value = method[key]
        row[name + "_mean"] = None if value is None else float(value.mean)
        row[name + "_sd"] = None if value is None or value.sd is None else float(value.sd)
    for name, key in RATIOS + (("flops", "flops_" + report.convention),):
        row.update(_ratio(name + "_ratio", method[key + "_ratio"]))
    return row


def _ratio(name: str, ratio: Optional[Ratio]) -> Dict:
    value, low, high, n = (
        (None,) * 4 if ratio is None else (ratio.value, ratio.low, ratio.high, ratio.n)
    )
    return {name: value, name + "_low": low, name + "_high": high, name + "_n": n}


def _python_number(value: Any) -> Any:
    """A numpy scalar as Python's own number, which is all that JSON and CSV know."""
    return value.item() if hasattr(value, "item") else value


def power_words(method: Mapping[str, Any]) -> str:
    """Where one method's joules come from, for a column that travels with its numbers."""
    if method["joules_known"] is None:
        return because(method["reasons"])
    return plain(sources.describe(json.loads(method["block"])["device"]))
