"""Who is above, level with or below whom; rules in words are in `verdict`."""

from typing import Dict, List, Tuple

from edgejoule.reports import quantity
from edgejoule.reports.spread import Ratio, Spread
from edgejoule.reports.words import span

FLOOR = 0.03  # a cost within 3 % of dense is called level: no board repeats itself better


def ratios(methods, name: str) -> List[Tuple[str, Ratio]]:
    """(method, its ratio to dense) where the ratio is known, but for a part too small to matter."""
    pairs = [
        (
            method["name"],
            method[name + "_ratio"] or (method["bound_ratio"] if name == "joules" else None),
        )
        for method in methods.to_dict("records")
    ]
    return [pair for pair in pairs if pair[1] is not None]


def span_of(pairs) -> str:
    """The smallest to the largest of several ratios."""
    found = sorted((ratio for _, ratio in pairs), key=lambda ratio: ratio.value)
    if not found:
        return "an unknown share"
    return span(quantity.brief(found[0]), quantity.brief(found[-1]))


def by_side(pairs) -> Dict[str, List]:
    """Ratios below 1 ("less") or above ("more") by more than their spread and the floor."""
    sides = {"less": [], "level": [], "more": []}
    for pair in pairs:
        less, more = pair[1].high < 1 - FLOOR, pair[1].low > 1 + FLOOR
        sides["less" if less else "more" if more else "level"].append(pair)
    return sides


def kind(pairs) -> str:
    """ "good" if every ratio is below 1, "bad" if every one is above, else "even"."""
    sides = by_side(pairs)
    if len(sides["less"]) == len(pairs):
        return "good"
    return "bad" if len(sides["more"]) == len(pairs) else "even"


def sides(reference, others) -> Dict[str, List]:
    """Methods by where their accuracies lie: above, level with or below the reference's."""
    groups = {"above": [], "level": [], "below": []}
    for method in others.to_dict("records"):
        groups[side(method["accuracy"], reference["accuracy"])].append(method)
    return groups


def side(mine: Spread, other: Spread) -> str:
    """ "above" or "below" only if the values of the two do not overlap."""
    if mine.low > other.high:
        return "above"
    return "below" if mine.high < other.low else "level"


def points(method, reference) -> str:
    """The difference of mean accuracies in percentage points: "+1.2" or "−0.3"."""
    mine, other = method["accuracy"], reference["accuracy"]
    deviations = [100 * each.sd for each in (mine, other) if each.sd]
    decimals = min(max(quantity.supported(max(deviations)), 0), 2) if deviations else 1
    difference = 100 * (mine.mean - other.mean)
    text = quantity.fixed(abs(difference), decimals)
    sign = "" if float(text) == 0 else "+" if difference > 0 else "−"
    return sign + text
