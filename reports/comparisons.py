"""Which methods cost less or reach more than another, told apart by tests; `answers` words it.

A cost is compared by the logarithm of its ratio, so that half and twice are as far apart. "Equal"
is a claim of its own (an interval within a stated margin), not the absence of a difference.
"""

import math
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import pandas

from edgejoule.bench import rounding
from edgejoule.reports import paired, quantity, rows
from edgejoule.reports.frames import SMALL_PART
from edgejoule.reports.gather import Report
from edgejoule.reports.paired import Estimate
from edgejoule.reports.spread import Ratio, known
from edgejoule.reports.words import span

FLOOR = 0.03  # a cost within 3 % is called equal: no board repeats itself better
MARGIN = 0.01  # accuracies within one point are called equal: what the papers' tables round away
OPEN = "open"  # the side of what could not be told apart


class Cost(NamedTuple):
    """A method's cost beside dense training's: the ratio that is shown, and what is tested."""

    name: str
    ratio: Ratio
    estimate: Estimate  # of the logarithm of the ratio


def by_seed(report: Report, method: Mapping[str, Any], name: str) -> Dict[int, float]:
    """A quantity of a method's runs by seed, as far as it is known.

    Of joules a lower bound will do where what was not measured is too small to matter.
    """
    found = {}
    for case_id in method["case_ids"]:
        row = report.parts[case_id].row
        if not rows.is_comparable(row, name):
            continue
        value = row[name]
        if value is None and name == "joules" and row["unmeasured"] <= SMALL_PART:
            value = row["joules_known"]
        if known([value]):
            found[row["seed"]] = value
    return found


def cost(
    report: Report, mine: Mapping[str, Any], other: Mapping[str, Any], name: str
) -> Optional[Estimate]:
    """The logarithm of the ratio of two methods' costs; None if either is unknown."""
    logs = [
        {seed: math.log(value) for seed, value in by_seed(report, each, name).items() if value > 0}
        for each in (mine, other)
    ]
    return paired.difference(*logs)


def accuracy(
    report: Report, mine: Mapping[str, Any], other: Mapping[str, Any]
) -> Optional[Estimate]:
    """The difference of two methods' accuracies, as a fraction."""
    return paired.difference(*(by_seed(report, each, "accuracy") for each in (mine, other)))


def costs(report: Report, methods: pandas.DataFrame, name: str) -> List[Cost]:
    """What is known of the methods' costs beside dense training of their block."""
    found = []
    listed = methods.to_dict("records")
    baselines = {block: dense_of(report, block) for block in {row["block"] for row in listed}}
    for method in listed:
        ratio = method[name + "_ratio"] or (method["bound_ratio"] if name == "joules" else None)
        dense = baselines[method["block"]]
        estimate = cost(report, method, dense, name) if dense is not None else None
        if ratio is not None and estimate is not None:
            found.append(Cost(method["name"], ratio, estimate))
    return found


def dense_of(report: Report, block: str) -> Optional[Dict[str, Any]]:
    """Dense training of a block, as a row of its methods; None if there is none."""
    methods = report.block(block)
    found = methods[methods["dense"]].to_dict("records")
    return found[0] if found else None


def ratios(methods: pandas.DataFrame, name: str) -> List[Ratio]:
    """The known ratios to dense of one quantity."""
    return [ratio for ratio in methods[name + "_ratio"] if ratio is not None]


def span_of(found: List[Ratio]) -> str:
    """The smallest to the largest of several ratios."""
    ordered = sorted(found, key=lambda ratio: ratio.value)
    if not ordered:
        return "an unknown share"
    return span(quantity.brief(ordered[0]), quantity.brief(ordered[-1]))


def cost_side(estimate: Estimate) -> str:
    """Whether a cost is "less", "more", "level" (within `FLOOR`), or `OPEN`: not told apart.

    Less and more mean: by more than the floor, with the whole 95 % interval.
    """
    ends = estimate.interval()
    if ends is None:
        return OPEN
    if ends[1] < math.log(1 - FLOOR):
        return "less"
    if ends[0] > math.log(1 + FLOOR):
        return "more"
    return "level" if estimate.within(math.log(1 + FLOOR)) else OPEN


def by_side(found: List[Cost]) -> Dict[str, List[Cost]]:
    """The costs by their side."""
    sides: Dict[str, List[Cost]] = {"less": [], "level": [], "more": [], OPEN: []}
    for each in found:
        sides[cost_side(each.estimate)].append(each)
    return sides


def kind(found: List[Cost]) -> str:
    """The kind of a finding: "good" if all cost less, "bad" if all cost more, else "even".

    "unknown" if nothing was told apart.
    """
    filled = [side for side, each in by_side(found).items() if each]
    if filled == [OPEN]:
        return "unknown"
    return {"less": "good", "more": "bad"}.get(filled[0], "even") if len(filled) == 1 else "even"


def accuracy_side(estimate: Estimate) -> str:
    """Whether an accuracy is "above", "below", "level" (within `MARGIN`), or `OPEN`."""
    if estimate.within(MARGIN):
        return "level"
    if not estimate.differs():
        return OPEN
    return "above" if estimate.value > 0 else "below"


def points(method: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """The difference of mean accuracies in percentage points: "+1.2" or "−0.3"."""
    mine, other = method["accuracy"], reference["accuracy"]
    deviations = [100 * each.sd for each in (mine, other) if each.sd]
    decimals = min(max(quantity.supported(max(deviations)), 0), 2) if deviations else 1
    return quantity.signed(rounding.points(mine.mean, other.mean), decimals)


def sides(
    report: Report, reference: Mapping[str, Any], others: List[Dict[str, Any]]
) -> Dict[str, List[Tuple[Dict[str, Any], Optional[Estimate]]]]:
    """Methods by where their accuracies lie beside the reference's."""
    groups: Dict[str, List[Tuple[Dict[str, Any], Optional[Estimate]]]] = {
        "above": [],
        "level": [],
        "below": [],
        OPEN: [],
    }
    for method in others:
        estimate = accuracy(report, method, reference)
        groups[accuracy_side(estimate) if estimate else OPEN].append((method, estimate))
    return groups
