"""What a case will take: seconds and joules with an interval, and what that rests on.

Free of torch, so that a run may be announced by a process that never pays for it.
"""

import statistics
from typing import Iterable, List, NamedTuple, Optional, Sequence

NOT_KNOWN = "not known"


class Interval(NamedTuple):
    """A figure and the ends between which it should lie."""

    low: float
    middle: float
    high: float

    def times(self, factor: float) -> "Interval":
        """The interval of a multiple; a factor from 0."""
        return Interval(self.low * factor, self.middle * factor, self.high * factor)


class Forecast(NamedTuple):
    """Seconds and joules of a case, None where not known, and what they rest on."""

    seconds: Optional[Interval]
    joules: Optional[Interval]
    rests_on: str


UNKNOWN = Forecast(None, None, NOT_KNOWN)


def spread(values: Sequence[float]) -> Interval:
    """From the lowest to the highest of some values, around their median."""
    return Interval(min(values), statistics.median(values), max(values))


def total(intervals: Iterable[Optional[Interval]]) -> Optional[Interval]:
    """The sum, None if a part is not known.

    Ends are added to ends: errors of cases that rest on the same pace do not cancel.
    """
    found = list(intervals)
    known = [each for each in found if each is not None]
    if not found or len(known) < len(found):
        return None
    return Interval(*(sum(ends) for ends in zip(*known)))


def watts(fake_power: object) -> Optional[float]:
    """The constant watts that a run is to be given; None for a sensor or a saved trace."""
    try:
        return float(fake_power)  # type: ignore[arg-type]  # what no number is raises below
    except (TypeError, ValueError):
        return None


def duration(seconds: Optional[float]) -> str:
    """Seconds as a person says them: 40 s, 12 min, 3.4 h, 12 days."""
    if seconds is None:
        return NOT_KNOWN
    for least, unit, name in ((172800, 86400, "days"), (5400, 3600, "h"), (90, 60, "min")):
        if seconds >= least:
            return "{} {}".format(_digits(seconds / unit), name)
    return "{} s".format(_digits(seconds))


def energy(joules: Optional[float]) -> str:
    """Joules as a person says them: 40 J, 3.4 kJ, 12 MJ."""
    if joules is None:
        return NOT_KNOWN
    for unit, name in ((1e6, "MJ"), (1e3, "kJ")):
        if joules >= unit:
            return "{} {}".format(_digits(joules / unit), name)
    return "{} J".format(_digits(joules))


def hours(interval: Optional[Interval]) -> str:
    """An interval of seconds in hours, with its ends."""
    if interval is None:
        return "hours " + NOT_KNOWN
    return "{} h ({} to {})".format(*(_digits(each / 3600) for each in _middle_first(interval)))


def kilojoules(interval: Optional[Interval]) -> str:
    """An interval of joules in kilojoules, with its ends."""
    if interval is None:
        return "joules " + NOT_KNOWN
    return "{} kJ ({} to {})".format(*(_digits(each / 1e3) for each in _middle_first(interval)))


def sentence(found: Sequence[Forecast]) -> str:
    """What cases take together; where some are not known, what the others take."""
    known = [each for each in found if each.seconds is not None]
    if not known:
        return "how long is not known: no finished run here says"
    seconds = total(each.seconds for each in known)
    joules = total(each.joules for each in known)
    assert seconds is not None  # every one of them is known
    text = "about {} ({} to {})".format(*(duration(each) for each in _middle_first(seconds)))
    if joules is not None:
        text += ", {} ({} to {})".format(*(energy(each) for each in _middle_first(joules)))
    if len(known) < len(found):
        text += " for {} of {} cases, the others are not known".format(len(known), len(found))
    return text + "; by " + ", ".join(dict.fromkeys(each.rests_on for each in known))


def divided(found: Sequence[Forecast], at_once: int) -> str:
    """What a sentence on cases adds where several run at a time; "" if one does."""
    seconds = total(each.seconds for each in found if each.seconds is not None)
    if at_once == 1 or len(found) < 2 or seconds is None:
        return ""
    share = min(at_once, len(found))
    text = "; {} at a time, so about {} if none slows another"
    return text.format(share, duration(seconds.middle / share))


def _digits(value: float) -> str:
    """Two digits, since no forecast deserves more; a large number is written out."""
    return "{:.2g}".format(value) if abs(value) < 99.5 else "{:.0f}".format(value)


def _middle_first(interval: Interval) -> List[float]:
    return [interval.middle, interval.low, interval.high]
