"""What the gate found in a night, in words: signs, numbers with unit and interval, commits."""

from typing import Any, Collection, Dict, Iterable, List, NamedTuple, Optional, Set

from edgejoule.bench import rounding
from edgejoule.bench.history import store
from edgejoule.reports import quantity
from edgejoule.reports.history import past
from edgejoule.reports.words import plain, plural

# kind of a finding -> (class of its sign, its sign, one of them, many of them), gravest first:
# a method of several findings counts under the first of its kinds
KINDS = {
    "regression": ("bad", "▼", "regression", "regressions"),
    "improvement": ("good", "▲", "improvement", "improvements"),
    "work changed": ("note", "◆", "with other work than before", "with other work than before"),
    "refuted": ("even", "≈", "suspicion refuted", "suspicions refuted"),
    "invalid": ("bad", "✕", "invalid", "invalid"),
    "missing": ("unknown", "–", "missing", "missing"),
    "not measured": ("unknown", "?", "not measured", "not measured"),
    "unchanged": ("even", "=", "unchanged", "unchanged"),
    "not judged": ("unknown", "?", "not judged", "not judged"),
}
CHANGES = ("regression", "improvement", "work changed", "refuted")
VERDICTS = {
    "PASS": ("good", "✓"),
    "FAIL": ("bad", "▼"),
    "INCONCLUSIVE": ("unknown", "?"),
    "INVALID": ("bad", "✕"),
    None: ("unknown", "…"),
}
UNITS = {
    "joules": quantity.ENERGY,
    "seconds": quantity.TIME,
    "accuracy": (quantity.PERCENT,),
    "flops": quantity.FLOPS,
    "params": quantity.COUNT,
    "macs": quantity.COUNT,
}
COUNTED = {"flops": "FLOPs", "macs": "MACs", "params": ""}
DIGITS = 4  # of a mean over seeds and nights


class Change(NamedTuple):
    """One finding in words."""

    kind: str
    label: str
    metric: str
    size: str  # "+5.1 %" or "−0.8 points"
    interval: str  # "[+4.6, +5.6] %"
    before: str
    after: str
    nights: str
    since: str  # "2026-11-12 (4f0c2a1)": the first night of the new level
    until: str  # the last night of the old level
    confirmed: str
    sentence: str  # what the gate says besides


def change(finding: Dict) -> Change:
    """A finding in words; a number that it does not give is "unknown"."""
    metric = plain(finding.get("metric") or "")
    return Change(
        kind(finding),
        plain(finding.get("label") or "the whole night"),
        metric,
        size(finding),
        _interval(finding),
        value(finding.get("before"), metric),
        value(finding.get("after"), metric),
        plural(int(finding["nights"]), "night") if finding["nights"] else "",
        _when(finding.get("since")),
        _when(finding.get("until")),
        _confirmed(finding),
        _more(plain(finding.get("sentence") or ""), metric),
    )


def kind(finding: Dict) -> str:
    """The kind of a finding; a suspicion that its A/B refuted is "refuted"."""
    found = str(finding.get("kind"))
    # None: nobody has tried yet
    if found in ("regression", "improvement") and finding.get("confirmed") is False:
        return "refuted"
    return found if found in KINDS else "not measured"


def counts(
    night: store.Night, rows: Iterable[store.Row], judgeable: Collection[str] = ()
) -> Dict[str, int]:
    """How many methods of a night changed, did not, or were not measured: each counts once.

    A method of several findings counts under that which comes first in `KINDS`. `judgeable` are
    the methods with enough nights to be judged by, where the verdict leaves that open.
    """
    whole = {kind(each) for each in past.findings(night) if not each.get("label")}
    kinds: Dict[str, Set[str]] = {}
    for finding in past.findings(night):
        if finding.get("label"):
            kinds.setdefault(str(finding["label"]), set()).add(kind(finding))
    for row in rows:
        kinds.setdefault(row.label, whole or {_without_finding(night, row, judgeable)})
    found = dict.fromkeys(KINDS, 0)
    for some in list(kinds.values()) or ([whole] if whole else []):
        found[[each for each in KINDS if each in some][0]] += 1
    return found


def _without_finding(night: store.Night, row: store.Row, judgeable: Collection[str]) -> str:
    """The kind under which a run counts that has no finding."""
    verdict = past.verdict(night)
    if verdict == "INVALID":
        return "invalid"
    if unmeasured(row):
        return "not measured"
    judged = verdict in ("PASS", "FAIL") or (verdict == "INCONCLUSIVE" and row.label in judgeable)
    return "unchanged" if judged else "not judged"


def unmeasured(row: store.Row) -> bool:
    """True if a run measured neither joules nor seconds."""
    return row.metrics.get("joules") is None and row.metrics.get("seconds") is None


def summary(found: Dict[str, int]) -> str:
    """Counts in words: "1 regression, 11 unchanged, 1 not measured"."""
    parts = [
        "{} {}".format(count, KINDS[each][2 if count == 1 else 3])
        for each, count in found.items()
        if count
    ]
    return ", ".join(parts) or "nothing was run"


def value(number: Optional[float], metric: str) -> str:
    """A value of a metric with its unit; "unknown" for None."""
    if number is None:
        return "unknown"
    if metric in past.METRICS and past.METRICS[metric].exact:
        return "{} {}".format(
            quantity.grouped(number),
            COUNTED[metric],
        ).strip()
    unit = unit_of([number], metric)
    return "{} {}".format(
        quantity.significant(rounding.scaled(number, unit.size), DIGITS), unit.name
    )


def unit_of(numbers: List[float], metric: str) -> quantity.Unit:
    """The unit that fits the values of a metric."""
    own = past.METRICS[metric].unit if metric in past.METRICS else ""
    return quantity.fitting(numbers, UNITS.get(metric, (quantity.Unit(own, 1.0),)))


def size(finding: Dict) -> str:
    """How large a change is: points of accuracy, percent of anything else, "" if not known."""
    before, after, ratio = (finding.get(name) for name in ("before", "after", "ratio"))
    if finding.get("metric") == "accuracy" and before is not None and after is not None:
        return quantity.signed(rounding.points(after, before), 1) + " points"
    return "" if ratio is None or ratio <= 0 else percent(ratio) + " %"


def percent(ratio: float) -> str:
    """A ratio as a change in percent: "+5.1"."""
    far = abs(ratio - 1) >= 0.995  # from 100 % on a decimal says nothing any more
    return quantity.signed(rounding.points(ratio, 1), 0 if far else 1)


def _more(sentence: str, metric: str) -> str:
    """What a sentence of the gate adds to the numbers, which are shown apart."""
    numbers, _, more = sentence.partition("; ")
    return more if metric and numbers.startswith(metric + " of ") else sentence


def _interval(finding: Dict) -> str:
    low, high = finding.get("low"), finding.get("high")
    if low is None or high is None:
        return ""
    if finding.get("metric") == "accuracy":
        ends = [quantity.signed(rounding.scaled(each, 0.01), 1) for each in (low, high)]
        return "[{}, {}]".format(*ends)
    return "[{}, {}] %".format(percent(low), percent(high))


def _when(end: Any) -> str:
    """A night with its commit; "" if a finding does not say."""
    if not isinstance(end, dict):
        return ""
    return "{} ({})".format(plain(end.get("night") or "unknown"), past.commit(end.get("commit")))


def _confirmed(finding: Dict) -> str:
    """What the A/B of the two commits said of a suspicion; "" for what is none."""
    if finding.get("kind") not in ("regression", "improvement"):
        return ""
    words = {
        True: "confirmed by an A/B of the two commits",
        False: "refuted by an A/B of the two commits",
    }
    return next(
        (text for known, text in words.items() if finding.get("confirmed") is known),
        "suspected, not confirmed",
    )
