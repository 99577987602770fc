"""Is a benchmark worse than its blessed self? A verdict and sentences for one test.

A regression is a ratio beyond its floor whose bootstrap interval leaves 1 out (`bench.gates.pairs`).
What could not be judged is never a pass: INVALID where something is missing or not comparable,
INCONCLUSIVE where the rounds are too few or too unlike to see a change of the floor's size.
"""

import re
from typing import Dict, NamedTuple, Optional, Tuple

from edgejoule.bench import plugins
from edgejoule.bench.joules import joule_store

UNITS = {"joules": "J a call", "seconds": "s a call", "watts": "W"}
VERDICTS = ("PASS", "INCONCLUSIVE", "INVALID", "FAIL")  # each trumps those before it
LIMIT = re.compile(r"^(?:([a-z]+):)?(\d+(?:\.\d*)?|\.\d+)%$")
UNKNOWN = "the baseline has no such test: it is new or was renamed; look at it, then --joules-bless"
MARKER = {"floor": "joules", "joules": "joules", "seconds": "seconds", "watts": "watts"}


class Judged(NamedTuple):
    """The verdict on one test, why, and whether it got better or its work changed."""

    verdict: str
    sentences: Tuple[str, ...]
    improved: bool = False


def limits(texts) -> Dict[str, float]:
    """{metric: share that it may grow by} of texts such as "5%" and "joules:5%,watts:2.5%".

    A metric alone takes its floor from edgejoule.toml, where `edgejoule gate` has it from.

    Raises:
        ValueError: says what a limit looks like.
    """
    found = {}
    for text in ",".join(texts).split(","):
        metric, share = _limit(text.strip())
        if metric not in UNITS or not share:
            raise ValueError(
                "asked for the limit {!r}; a limit is PERCENT%, METRIC:PERCENT% or METRIC, above "
                "0, with METRIC one of {} (5%, seconds:8%, watts:2.5%).{}".format(
                    text.strip(), ", ".join(UNITS), _nearest(metric)
                )
            )
        found[metric] = share
    return found


def _limit(text: str):
    """(metric, share) that a text means; no share if it means none."""
    match = LIMIT.match(text)
    if match:
        return match.group(1) or "joules", float(match.group(2)) / 100
    if text in UNITS:
        from edgejoule.bench.gates import limits

        return text, limits.read().floors[text]
    return text.partition(":")[0], None


def check_marker(words, settings: Dict) -> None:
    """Checks what a `joules` marker was given.

    Raises:
        ValueError: the marker has a setting that there is not, or a limit that is none.
    """
    allowed = sorted(MARKER) + ["flops"]
    for name in list(words) + sorted(settings):
        if name not in allowed or name in words:
            raise ValueError(
                "pytest.mark.joules has no setting {!r}; it has: {} (as floor='3%').{}".format(
                    name, ", ".join(allowed), plugins.nearest(name, allowed)
                )
            )
    marked({}, settings)


def marked(asked: Dict[str, float], settings: Dict) -> Dict[str, float]:
    """The limits of one test: those asked for, changed by its marker's `floor`, `seconds`, ..."""
    found = dict(asked)
    for name, metric in MARKER.items():
        if name in settings:
            found.update(limits(["{}:{}".format(metric, settings[name])]))
    return found


def judge(taken, entry: Dict, context: Dict, allowed: Dict[str, float]) -> Judged:
    """The verdict on what was taken now against a baseline's entry."""
    lacks = missing(taken, allowed)
    if lacks:
        return Judged("INVALID", (lacks,))
    other = joule_store.difference(entry.get("context") or {}, context)
    if other:
        return Judged("INVALID", ("blessed in another context, so not comparable: " + other,))
    parts = [_metric(metric, floor, taken, entry) for metric, floor in sorted(allowed.items())]
    verdict = max((part.verdict for part in parts), key=VERDICTS.index)
    sentences = [text for part in parts for text in part.sentences]
    return Judged(
        verdict, tuple(sentences + _work(taken, entry)), any(part.improved for part in parts)
    )


def missing(taken, metrics) -> Optional[str]:
    """Why one of the metrics has no values now; None if all have."""
    lacking = [metric for metric in sorted(metrics) if not getattr(taken, metric)]
    return "{} not measured: {}".format(" and ".join(lacking), taken.reason) if lacking else None


def _metric(metric, floor, taken, entry) -> Judged:
    from edgejoule.bench.gates import pairs

    after, before = getattr(taken, metric), entry.get(metric)
    if not before:
        return Judged(
            "INVALID", ("its baseline has no {}; --joules-bless a run that has".format(metric),)
        )
    ratio = pairs.unpaired(before, after)
    if ratio.n < pairs.LEAST:
        return Judged(
            "INVALID",
            (
                "{}: {} rounds against {}; at least {} are needed on both sides".format(
                    metric, len(before), len(after), pairs.LEAST
                ),
            ),
        )
    verdict = pairs.verdict(ratio, floor)
    return Judged(
        verdict,
        (_sentence(metric, ratio, verdict, floor, before, after),),
        ratio.high < 1.0 and ratio.median < 1.0 / (1.0 + floor),
    )


def _sentence(metric, ratio, verdict, floor, before, after) -> str:
    text = "{} x{:.3f} [{:.3f}, {:.3f}], {:g} % allowed: {:.4g} -> {:.4g} {}".format(
        metric,
        ratio.median,
        ratio.low,
        ratio.high,
        100 * floor,
        _median(before),
        _median(after),
        UNITS[metric],
    )
    if verdict == "INCONCLUSIVE":
        text += (
            "; too unsteady: only a change beyond {:.2g} % would show, so take more rounds".format(
                100 * ratio.mde
            )
        )
    return text


def _work(taken, entry):
    if taken.flops == entry.get("flops"):
        return []
    return [
        "work changed: {} -> {} FLOP a call".format(
            *(
                "unknown" if flops is None else "{:.6g}".format(flops)
                for flops in (entry.get("flops"), taken.flops)
            )
        )
    ]


def _median(values):
    ordered = sorted(values)
    return (ordered[len(ordered) // 2] + ordered[(len(ordered) - 1) // 2]) / 2


def _nearest(metric):
    return plugins.nearest(metric, UNITS) if metric not in UNITS else ""
