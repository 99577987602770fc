"""Which methods are above, level with or below another; `answers` puts it into words."""

from typing import Any, Dict, List, Mapping, Tuple

import pandas

from edgejoule.bench import rounding
from edgejoule.reports import quantity
from edgejoule.reports.spread import Ratio, Spread
from edgejoule.reports.words import span

FLOOR = 0.03  # a cost within 3 % of dense is called level: no board repeats itself better


def ratios(methods: pandas.DataFrame, name: str) -> List[Tuple[str, Ratio]]:
    """(method, its ratio to dense) of every method whose ratio is known.

    Of joules a lower bound will do: it is there only if what was not measured is too small to
    matter (`frames.SMALL_PART`).
    """
    pairs = [
        (
            method["name"],
            method[name + "_ratio"] or (method["bound_ratio"] if name == "joules" else None),
        )
        for method in methods.to_dict("records")
    ]
    return [(method, ratio) for method, ratio in pairs if ratio is not None]


def span_of(pairs: List[Tuple[str, Ratio]]) -> str:
    """The smallest to the largest of several ratios."""
    found = sorted((ratio for _, ratio in pairs), key=lambda ratio: ratio.value)
    if not found:
        return "an unknown share"
    return span(quantity.brief(found[0]), quantity.brief(found[-1]))


def by_side(pairs: List[Tuple[str, Ratio]]) -> Dict[str, List[Tuple[str, Ratio]]]:
    """The pairs whose ratio is below 1 ("less"), above it ("more"), or neither ("level").

    Below and above mean: by more than the spread and by more than the floor.
    """
    sides: Dict[str, List[Tuple[str, Ratio]]] = {"less": [], "level": [], "more": []}
    for pair in pairs:
        less, more = pair[1].high < 1 - FLOOR, pair[1].low > 1 + FLOOR
        sides["less" if less else "more" if more else "level"].append(pair)
    return sides


def kind(pairs: List[Tuple[str, Ratio]]) -> str:
    """The kind of a finding: "good" if all ratios are below 1, "bad" if all above, else "even"."""
    sides = by_side(pairs)
    if len(sides["less"]) == len(pairs):
        return "good"
    return "bad" if len(sides["more"]) == len(pairs) else "even"


def sides(reference: Mapping[str, Any], others: pandas.DataFrame) -> Dict[str, List[Dict]]:
    """Methods by where their accuracies lie: above, level with or below the reference's."""
    groups: Dict[str, List[Dict]] = {"above": [], "level": [], "below": []}
    for method in others.to_dict("records"):
        groups[side(method["accuracy"], reference["accuracy"])].append(method)
    return groups


def side(mine: Spread, other: Spread) -> str:
    """Where mine lies: "above" or "below" only if the values do not overlap, else "level"."""
    if mine.low > other.high:
        return "above"
    return "below" if mine.high < other.low else "level"


def points(method: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """The difference of mean accuracies in percentage points: "+1.2" or "−0.3"."""
    mine, other = method["accuracy"], reference["accuracy"]
    deviations = [100 * each.sd for each in (mine, other) if each.sd]
    decimals = min(max(quantity.supported(max(deviations)), 0), 2) if deviations else 1
    return quantity.signed(rounding.points(mine.mean, other.mean), decimals)
