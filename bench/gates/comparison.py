"""What pairs of runs say: a ratio with its interval per metric, a verdict per method and in all."""

import math
from statistics import median
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from edgejoule.bench import records
from edgejoule.bench.gates import pairs
from edgejoule.bench.history import night_rows, store

METRICS = {metric.name: metric for metric in store.METRICS}
ORDER = ("INVALID", "FAIL", "INCONCLUSIVE", "PASS")  # the first that is there wins
EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "INVALID": 3}

Both = Tuple[records.RunRecord, records.RunRecord]  # an `abba.Pair`: A and B


class Comparison(NamedTuple):
    """A verdict on B against A; everything in it is plain JSON.

    subjects: [{label, verdict, pairs, metrics {name: {...}}, work {name: [before, after]},
    notes}]
    """

    verdict: str
    a: str
    b: str
    subjects: List[Dict]
    notes: List[str]
    folder: str
    fake: Optional[str]


class Rules(NamedTuple):
    """What a comparison is judged by."""

    floors: Dict[str, float]
    judged: Tuple[str, ...]  # metrics that decide; the others are only reported
    demanded: Tuple[str, ...]  # metrics without which nothing passes
    draws: int


def judge(label: str, run: Sequence[Both], rules: Rules) -> Dict:
    """One subject of a `Comparison`, from its pairs."""
    sides = [[night_rows.metrics(pair[side]._asdict()) for pair in run] for side in (0, 1)]
    metrics = {
        name: _metric(name, [[each[name] for each in side] for side in sides], rules)
        for name, metric in METRICS.items()
        if not metric.exact
    }
    work = {
        name: [sides[0][i][name], sides[1][i][name]]
        for name, metric in METRICS.items()
        if metric.exact
        for i in range(len(run))
        if sides[0][i][name] != sides[1][i][name]
    }
    mixed, beside = _mixed(run), _beside(run)
    verdict = "INVALID" if mixed else _verdict(metrics, rules)
    return {
        "label": label,
        "verdict": verdict,
        "pairs": len(run),
        "metrics": metrics,
        "work": work,
        "notes": mixed + beside + list(_notes(metrics, work, rules)),
    }


def overall(subjects: List[Dict]) -> str:
    """The worst verdict there is; without a subject nothing was shown."""
    found = {each["verdict"] for each in subjects}
    return next((word for word in ORDER if word in found), "INCONCLUSIVE")


def undecided(found: Comparison) -> bool:
    """True if more pairs could tell: of joules, or of seconds where there are none."""
    if found.verdict == "INVALID" or not found.subjects:
        return False
    said = [found.subjects[0]["metrics"][name]["verdict"] for name in ("joules", "seconds")]
    return next((word for word in said if word), None) == "INCONCLUSIVE"


def _metric(name: str, sides: Sequence[pairs.Values], rules: Rules) -> Dict:
    """Medians of both sides, their ratio and the verdict on it."""
    metric = METRICS[name]
    before, after = ([_scaled(metric, value) for value in side] for side in sides)
    ratio = pairs.paired(before, after, draws=rules.draws)
    worse = ratio if metric.better == "less" else _inverse(ratio)
    floor = rules.floors[name]
    return {
        "unit": metric.unit,
        "before": _middle(sides[0]),
        "after": _middle(sides[1]),
        "ratio": ratio._asdict() if name != "accuracy" else _difference(ratio),
        "floor": floor,
        "verdict": pairs.verdict(worse, floor) if ratio.n else None,
        "improved": worse.high is not None and worse.high < 1 and ratio.n >= pairs.LEAST,
    }


def _scaled(metric: store.Metric, value: Optional[float]) -> Optional[float]:
    """Accuracies are compared by their difference: that of logarithms of exponentials."""
    return math.exp(value) if metric.name == "accuracy" and value is not None else value


def _inverse(ratio: pairs.Ratio) -> pairs.Ratio:
    """before / after: where more is better, a fall counts as a rise does elsewhere."""
    return ratio._replace(
        median=_reciprocal(ratio.median), low=_reciprocal(ratio.high), high=_reciprocal(ratio.low)
    )


def _reciprocal(value: Optional[float]) -> Optional[float]:
    return None if value is None else 1 / value


def _difference(ratio: pairs.Ratio) -> Dict:
    """median, low, high, n, mde of the difference B - A."""
    parts = {
        key: value and math.log(value)
        for key, value in ratio._asdict().items()
        if key in ("median", "low", "high")
    }
    return dict(ratio._asdict(), **parts)


def _verdict(metrics: Dict[str, Dict], rules: Rules) -> str:
    said = {name: metrics[name]["verdict"] for name in rules.judged}
    if "FAIL" in said.values():
        return "FAIL"
    if any(metrics[name]["verdict"] is None for name in rules.demanded):
        return "INCONCLUSIVE"
    # an accuracy that scatters too much to be judged must not hold up what the joules say
    known = {word for name, word in said.items() if word and name != "accuracy"}
    return "PASS" if known == {"PASS"} else "INCONCLUSIVE"


def _notes(metrics: Dict[str, Dict], work: Dict[str, List], rules: Rules) -> Iterator[str]:
    if metrics["joules"]["verdict"] is None:
        decides = ": time alone decides" if metrics["seconds"]["verdict"] else ""
        yield "joules were not measured on both sides{}".format(
            ", and they were demanded" if "joules" in rules.demanded else decides
        )
    for name, (before, after) in work.items():
        yield "work changed: {} {} to {}{}".format(
            name,
            before,
            after,
            "; it explains the joules"
            if name == "flops" and metrics["joules"]["verdict"] == "FAIL"
            else "",
        )
    for name, found in metrics.items():
        if found["verdict"] == "INCONCLUSIVE" and name in rules.judged:
            yield _why(name, found)


def _why(name: str, found: Dict) -> str:
    """Why nothing can be said of a metric."""
    ratio = found["ratio"]
    if ratio["n"] < pairs.LEAST:
        return "{}: {} pairs prove nothing, {} may".format(name, ratio["n"], pairs.LEAST)
    return "{}: with this noise only {:.1%} would be seen, {:.1%} is asked for; add --pairs".format(
        name, ratio["mde"], found["floor"]
    )


def _mixed(run: Sequence[Both]) -> List[str]:
    """Sentences if not all runs saw the same machine.

    Between the sides only the sensor and the power mode must agree: an older commit may have
    recorded less of the machine.
    """
    seen: List[Set[str]] = [
        {night_rows.machine(pair[side].device, pair[side].environment) for pair in run}
        for side in (0, 1)
    ]
    seen.append({"; ".join(_sensor(record.device)) for pair in run for record in pair})
    for found in seen:
        if len(found) > 1:
            parts = [set(each.split("; ")) for each in sorted(found)]
            odd = sorted(set.union(*parts) - parts[0].intersection(*parts))
            return ["the machine was not the same in all runs: {}".format(" / ".join(odd))]
    return []


def _beside(run: Sequence[Both]) -> List[str]:
    """A sentence if the seconds and joules of some runs are left out."""
    told = [records.incomparable(each.environment) for pair in run for each in pair]
    known = [each for each in told if each]
    if not known:
        return []
    return [
        "{} of {} runs are left out of seconds and joules: {}".format(
            len(known), len(told), known[0]
        )
    ]


def _sensor(device: Dict) -> List[str]:
    """What distinguishes a sensor from others."""
    parts = [device.get(key) for key in ("name", "adapter", "rail", "power_mode")]
    real = not device.get("fake") and not device.get("estimate")
    return [str(part) for part in parts if part] + ([] if real else ["not real"])


def _middle(values: pairs.Values) -> Optional[float]:
    """The median of what was measured; None if nothing was."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
