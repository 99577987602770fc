"""Is a benchmark worse than its blessed self? A verdict and sentences for one test.

A regression is a ratio beyond its floor whose bootstrap interval leaves 1 out (`bench.gates.pairs`,
imported only when something is judged: a session that judges nothing does not pay for numpy). What
could not be judged is never a pass: INVALID where something is missing or not comparable,
INCONCLUSIVE where the rounds are too few or too unlike to see a change of the floor's size.
"""

import re
from statistics import median
from typing import TYPE_CHECKING, Any, Collection, Dict, Iterable, List, NamedTuple, Optional, Tuple

from edgejoule import plugins
from edgejoule.bench.joules import joule_store, tap_timer

if TYPE_CHECKING:
    from edgejoule.bench.joules.tap_timer import Taken

UNITS = {"joules": "J a call", "seconds": "s a call", "watts": "W"}
VERDICTS = ("PASS", "INCONCLUSIVE", "INVALID", "FAIL")  # the last that is there is the test's
LIMIT = re.compile(r"^(?:([a-z]+):)?(\d+(?:\.\d*)?|\.\d+)%$")
UNKNOWN = "the baseline has no such test: it is new or was renamed; look at it, then --joules-bless"
# what a marker may set, and the metric that it limits
MARKER = {"floor": "joules", "joules": "joules", "seconds": "seconds", "watts": "watts"}


class Judged(NamedTuple):
    """The verdict on one test, why, and whether it got better or its work changed."""

    verdict: str
    sentences: Tuple[str, ...]
    improved: bool = False


def limits(texts: Iterable[str]) -> Dict[str, float]:
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


def _limit(text: str) -> Tuple[str, Optional[float]]:
    """(metric, share) that a text means; no share if it means none."""
    match = LIMIT.match(text)
    if match:
        return match.group(1) or "joules", float(match.group(2)) / 100
    if text in UNITS:
        from edgejoule.bench.gates import limits

        return text, limits.read().floors[text]
    return text.partition(":")[0], None


def check_marker(words: Iterable[str], settings: Dict[str, Any]) -> None:
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
    marked({}, settings)  # for the sake of its complaint


def marked(asked: Dict[str, float], settings: Dict[str, Any]) -> Dict[str, float]:
    """The limits of one test: those asked for, changed by its marker's `floor`, `seconds`, ...

    Raises:
        ValueError: says what a limit looks like.
    """
    found = dict(asked)
    for name, metric in MARKER.items():
        if name in settings:
            found.update(limits(["{}:{}".format(metric, settings[name])]))
    return found


def judge(taken: "Taken", entry: Dict, context: Dict, allowed: Dict[str, float]) -> Judged:
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


def missing(taken: "Taken", metrics: Collection[str]) -> Optional[str]:
    """Why one of the metrics has no values now; None if all have."""
    lacking = [metric for metric in sorted(metrics) if not getattr(taken, metric)]
    if not lacking:
        return None
    text = "{} not measured: {}".format(" and ".join(lacking), taken.reason)
    if (taken.reason or "").startswith(tap_timer.NO_SENSOR):
        text = "{}; {}".format(tap_timer.WAY_OUT, text)  # first, for the reason may be long
    return text


def _metric(metric: str, floor: float, taken: "Taken", entry: Dict) -> Judged:
    """The verdict on one metric."""
    from edgejoule.bench.gates import pairs

    after, before = getattr(taken, metric), entry.get(metric)
    if not before:
        return Judged(
            "INVALID", ("its baseline has no {}; --joules-bless a run that has".format(metric),)
        )
    ratio = pairs.unpaired(before, after)
    middle, low, high, _, mde = ratio
    if ratio.n < pairs.LEAST or middle is None or low is None or high is None or mde is None:
        return Judged(
            "INVALID",
            (
                "{}: {} rounds against {}; at least {} are needed on both sides".format(
                    metric, len(before), len(after), pairs.LEAST
                ),
            ),
        )
    verdict = pairs.verdict(ratio, floor)
    text = "{} x{:.3f} [{:.3f}, {:.3f}], {:g} % allowed: {:.4g} -> {:.4g} {}".format(
        metric, middle, low, high, 100 * floor, median(before), median(after), UNITS[metric]
    )
    if verdict == "INCONCLUSIVE":
        text += (
            "; too unsteady: only a change beyond {:.2g} % would show, so take more rounds".format(
                100 * mde
            )
        )
    return Judged(verdict, (text,), high < 1.0 and middle < 1.0 / (1.0 + floor))


def _work(taken: "Taken", entry: Dict) -> List[str]:
    """A sentence if the FLOPs of a call are not what they were: that explains its joules."""
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


def _nearest(metric: str) -> str:
    return plugins.nearest(metric, UNITS) if metric not in UNITS else ""
