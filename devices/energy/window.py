"""A `Reading` from a record and two moments: drafted from counter or power, then judged."""

from typing import List, Optional

from edgejoule.devices.energy import estimate, uncertainty
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import DeviceInfo, Reading

INVALID_GAP_S = 5.0  # nobody knows what happened in it, however long the window
DEGRADED, INVALID = 0.99, 0.95  # coverage below which a reading is called so
WIDE = 0.1  # of the value: a bar above it resolves none of the questions that are asked
DISAGREE = 0.1  # between counter and sampled power; the scale of both is the same sensor's
# These leave an error of 1 to 2 %: of training at 10 Hz, or of a counter at both edges.
MIN_SECONDS, MIN_SAMPLES, MIN_UPDATES = 5.0, 60, 50


def reading(
    record: Record, info: DeviceInfo, start_s: float, end_s: float, counted: bool = True
) -> Reading:
    """What the window cost, with its error bar, coverage, status and reason.

    `counted` false leaves a counter out: the second opinion of sampled power.
    """
    if end_s <= start_s:
        return Reading(0.0, None, status="too_short", reason="the window has no length")
    drafts = _drafts(record, info, start_s, end_s, counted)
    if not drafts:
        return Reading(
            end_s - start_s,
            None,
            status="invalid",
            source="none",
            reason=_why(record, start_s, end_s) or "no sample in the window",
        )
    return _judge(_best(drafts), drafts, record, info, start_s, end_s)


def minimum_seconds(info: DeviceInfo, period_s: float) -> float:
    """Seconds a window must last to be believed; repeat the work until then and divide."""
    return max(MIN_SECONDS, MIN_UPDATES * (info.update_s or 0.0), MIN_SAMPLES * period_s)


def _drafts(
    record: Record, info: DeviceInfo, start_s: float, end_s: float, counted: bool
) -> List[estimate.Draft]:
    """What counter and power say, of those that know anything of the window."""
    piece = record.piece(start_s, end_s)
    if piece is None:
        return []
    found = [
        estimate.from_counter(record, piece, info, start_s, end_s) if counted else None,
        estimate.from_power(record, piece, info, start_s, end_s),
    ]
    return [d for d in found if d is not None and _coverage(d, end_s - start_s) > 0.0]


def _best(drafts: List[estimate.Draft]) -> estimate.Draft:
    """The counter's, unless it misses an edge and sampled power covers more of the window."""
    if drafts[0].source == "counter" and drafts[0].gaps.seconds == 0.0:
        return drafts[0]
    return min(drafts, key=lambda draft: draft.gaps.seconds)


def _judge(
    found: estimate.Draft,
    drafts: List[estimate.Draft],
    record: Record,
    info: DeviceInfo,
    start_s: float,
    end_s: float,
) -> Reading:
    seconds = end_s - start_s
    coverage = _coverage(found, seconds)
    failing = None if found.source == "counter" and not found.gaps.open else record.failing(end_s)
    long_enough = seconds >= minimum_seconds(info, record.period_s)
    doubts = [
        found.problem,
        _dropped(record, start_s, end_s),
        _disagreement(drafts) if long_enough else None,
        failing,
    ]
    sentences = [_gap_sentence(found), _why(record, start_s, end_s)] + doubts + [found.remark]
    bar = uncertainty.repeatability(found.terms)
    if coverage < INVALID or found.gaps.longest_s > INVALID_GAP_S:
        status = "invalid"
    elif coverage < DEGRADED or any(doubts) or found.gaps.open:
        status = "degraded"
    elif not long_enough:
        status = "too_short"
        sentences.append(
            "shorter than the {:.3g} s this sensor needs".format(
                minimum_seconds(info, record.period_s)
            )
        )
    elif bar > WIDE * abs(found.joules):
        status = "wide"
        sentences.append("the error bar is above {:.0%} of the value".format(WIDE))
    else:
        status = "ok"
    guessed = found.source == "estimate"  # nobody knows how far off a number given by hand is
    return Reading(
        seconds,
        found.joules,
        None if guessed else uncertainty.half_width(found.terms),
        found.peak_watts,
        found.samples,
        coverage,
        status,
        found.source,
        found.rails,
        "; ".join(dict.fromkeys(s for s in sentences if s)) or None,
        None if guessed else bar,
        found.raw_joules,
    )


def _coverage(found: estimate.Draft, seconds: float) -> float:
    return max(1.0 - found.gaps.seconds / seconds, 0.0)


def _gap_sentence(found: estimate.Draft) -> Optional[str]:
    count = found.gaps.number
    if not count:
        return None
    return "{} gap{} without samples, the longest {:.3g} s".format(
        count, "" if count == 1 else "s", found.gaps.longest_s
    )


def _dropped(record: Record, start_s: float, end_s: float) -> Optional[str]:
    """A sentence on values that no such device can have shown; None without any."""
    found = record.dropped_in(start_s, end_s)
    if not found:
        return None
    return "{} sample{} dropped, such as {}".format(
        len(found), "" if len(found) == 1 else "s", found[0].sentence
    )


def _disagreement(drafts: List[estimate.Draft]) -> Optional[str]:
    """A sentence if counter and sampled power tell different energies; None if they do not."""
    if len(drafts) < 2 or drafts[1].joules <= 0.0:
        return None
    counter, power = drafts
    apart = counter.joules - power.joules
    bars = uncertainty.repeatability(counter.terms) + uncertainty.repeatability(power.terms)
    if abs(apart) <= max(DISAGREE * power.joules, bars):
        return None
    return "the counter is {:.0%} {} sampled power".format(
        abs(apart) / power.joules, "below" if apart < 0.0 else "above"
    )


def _why(record: Record, start_s: float, end_s: float) -> Optional[str]:
    return "; ".join(record.failures_in(start_s, end_s)[:3]) or None
