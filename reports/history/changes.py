"""What the gate found in a night, in words: signs, numbers with unit and interval, commits."""

from typing import Dict, NamedTuple

from edgejoule.reports import quantity
from edgejoule.reports.history import past
from edgejoule.reports.words import plain, plural

# kind of a finding -> (class of its sign, its sign, one of them, many of them)
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
    """A finding in words; what it does not say is said to be unknown."""
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
    if found in ("regression", "improvement") and finding.get("confirmed") is False:
        return "refuted"
    return found if found in KINDS else "not measured"


def counts(night, rows, old=frozenset()) -> Dict[str, int]:
    """How many methods of a night changed, did not, or were not measured: each counts once.

    `old` are the methods with enough nights to be judged by, where the verdict leaves it open.
    """
    worst, whole = {}, {kind(each) for each in past.findings(night) if not each.get("label")}
    for finding in past.findings(night):
        if finding.get("label"):
            worst.setdefault(str(finding["label"]), set()).add(kind(finding))
    for row in rows:
        worst.setdefault(row.label, whole or {_silent(night, row, old)})
    found = dict.fromkeys(KINDS, 0)
    for kinds in worst.values() or ([whole] if whole else []):
        found[[each for each in KINDS if each in kinds][0]] += 1
    return found


def _silent(night, row, old) -> str:
    """What a run is that no finding speaks of."""
    verdict = past.verdict(night)
    if verdict == "INVALID":
        return "invalid"
    if unmeasured(row):
        return "not measured"
    judged = verdict in ("PASS", "FAIL") or (verdict == "INCONCLUSIVE" and row.label in old)
    return "unchanged" if judged else "not judged"


def unmeasured(row) -> bool:
    """True if a run measured neither joules nor seconds."""
    return row.metrics.get("joules") is None and row.metrics.get("seconds") is None


def told(found: Dict[str, int]) -> str:
    """Counts as a headline: "1 regression, 11 unchanged, 1 not measured"."""
    said = [
        "{} {}".format(count, KINDS[each][2 if count == 1 else 3])
        for each, count in found.items()
        if count
    ]
    return ", ".join(said) or "nothing was run"


def value(number, metric: str) -> str:
    """A value of a metric with its unit; "unknown" for None."""
    if number is None:
        return "unknown"
    if metric in past.METRICS and past.METRICS[metric].exact:
        return "{} {}".format(
            "{:,}".format(round(number)).replace(",", "\u202f"), COUNTED[metric]
        ).strip()
    unit = unit_of([number], metric)
    return "{} {}".format(quantity.significant(number / unit.size, DIGITS), unit.name)


def unit_of(numbers, metric: str) -> quantity.Unit:
    """The unit that fits the values of a metric."""
    own = past.METRICS[metric].unit if metric in past.METRICS else ""
    return quantity.fitting(numbers, UNITS.get(metric, (quantity.Unit(own, 1.0),)))


def size(finding: Dict) -> str:
    """How large a change is: points of accuracy, percent of anything else, "" if not known."""
    before, after, ratio = (finding.get(name) for name in ("before", "after", "ratio"))
    if finding.get("metric") == "accuracy" and None not in (before, after):
        return signed(100 * (after - before), 1) + " points"
    return "" if ratio is None or ratio <= 0 else percent(ratio) + " %"


def percent(ratio: float) -> str:
    """A ratio as a change in percent: "+5.1"."""
    far = abs(ratio - 1) >= 0.995
    return signed(100 * (ratio - 1), 0 if far else 1)


def signed(number: float, decimals: int) -> str:
    """The number with its sign, which 0 has not."""
    text = quantity.fixed(abs(number), decimals)
    sign = "" if float(text) == 0 else "+" if number > 0 else "−"
    return sign + text


def _more(sentence: str, metric: str) -> str:
    """What a sentence of the gate adds to the numbers, which are shown apart."""
    told, _, more = sentence.partition("; ")
    return more if metric and told.startswith(metric + " of ") else sentence


def _interval(finding: Dict) -> str:
    low, high = finding.get("low"), finding.get("high")
    if None in (low, high):
        return ""
    if finding.get("metric") == "accuracy":
        return "[{}, {}]".format(signed(100 * low, 1), signed(100 * high, 1))
    return "[{}, {}] %".format(percent(low), percent(high))


def _when(end) -> str:
    if not isinstance(end, dict):
        return ""
    return "{} ({})".format(plain(end.get("night") or "unknown"), past.commit(end.get("commit")))


def _confirmed(finding: Dict) -> str:
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
