"""A `Reading` from a record and two moments: drafted from counter or power, then judged."""

from typing import Optional

from edgejoule.devices.energy import estimate, integrate, uncertainty
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import DeviceInfo, Reading

INVALID_GAP_S = 5.0  # nobody knows what happened in it, however long the window
DEGRADED, INVALID = 0.99, 0.95  # coverage below which a reading is called so
# These leave an error of 1 to 2 %: of training at 10 Hz, or of a counter at both edges.
MIN_SECONDS, MIN_SAMPLES, MIN_UPDATES = 5.0, 60, 50


def reading(record: Record, info: DeviceInfo, start_s: float, end_s: float) -> Reading:
    """What the window cost, with its error bar, coverage, status and reason."""
    if end_s <= start_s:
        return Reading(0.0, None, status="too_short", reason="the window has no length")
    found = _best(record, info, start_s, end_s)
    if found is None:
        return Reading(
            end_s - start_s,
            None,
            status="invalid",
            source="none",
            reason=_why(record, start_s, end_s) or "no sample in the window",
        )
    return _judge(found, record, info, start_s, end_s)


def minimum_seconds(info: DeviceInfo, period_s: float) -> float:
    """Seconds a window must last to be believed; repeat the work until then and divide."""
    return max(MIN_SECONDS, MIN_UPDATES * (info.update_s or 0.0), MIN_SAMPLES * period_s)


def _best(
    record: Record, info: DeviceInfo, start_s: float, end_s: float
) -> Optional[estimate.Draft]:
    """The counter's draft, unless it left a gap and sampled power covers more of the window."""
    margin = max(4 * (info.update_s or 0.0), 2 * record.period_s)  # ticks beyond both edges
    part = record.around(start_s, end_s, margin)
    counter = estimate.from_counter(part, info, start_s, end_s, record.period_s)
    if counter and _coverage(counter, start_s, end_s) >= DEGRADED:
        return counter
    power = estimate.from_power(part, info, start_s, end_s, record.period_s)
    found = [d for d in (counter, power) if d and _coverage(d, start_s, end_s) > 0.0]
    return max(found, key=lambda d: _coverage(d, start_s, end_s)) if found else None


def _judge(
    found: estimate.Draft, record: Record, info: DeviceInfo, start_s: float, end_s: float
) -> Reading:
    coverage = _coverage(found, start_s, end_s)
    failing = record.failing(end_s)
    longest = max([b - a for a, b in found.gaps] or [0.0])
    sentences = [
        _gap_sentence(found.gaps, longest),
        found.problem,
        found.beat,
        failing or _why(record, start_s, end_s),
    ]
    least = minimum_seconds(info, record.period_s)
    if coverage < INVALID or longest > INVALID_GAP_S:
        status = "invalid"
    elif coverage < DEGRADED or failing or found.problem or _open(found.gaps, end_s):
        status = "degraded"
    elif end_s - start_s < least:
        status = "too_short"
        sentences.append("shorter than the {:.3g} s this sensor needs".format(least))
    else:
        status = "ok"
    guessed = found.source == "estimate"  # nobody knows how far off a number given by hand is
    return Reading(
        end_s - start_s,
        found.joules,
        None if guessed else uncertainty.half_width(found.terms),
        found.peak_watts,
        found.samples,
        coverage,
        status,
        found.source,
        found.rails,
        "; ".join(s for s in sentences if s) or None,
        None if guessed else uncertainty.repeatability(found.terms),
        found.raw_joules,
        found.beat,
    )


def _open(gaps: integrate.Gaps, end_s: float) -> bool:
    """True if the sensor was silent when the window ended."""
    return any(b >= end_s for _, b in gaps)


def _coverage(found: estimate.Draft, start_s: float, end_s: float) -> float:
    return max(1.0 - integrate.length(found.gaps) / (end_s - start_s), 0.0)


def _gap_sentence(gaps: integrate.Gaps, longest: float) -> Optional[str]:
    if not gaps:
        return None
    return "{} gap{} without samples, the longest {:.3g} s".format(
        len(gaps), "" if len(gaps) == 1 else "s", longest
    )


def _why(record: Record, start_s: float, end_s: float) -> Optional[str]:
    return "; ".join(record.failures_in(start_s, end_s)[:3]) or None
