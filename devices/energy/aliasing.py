"""Whether sampling beats with the load: a 10 Hz load sampled at 10 Hz may always show its peak.

Two alarms. Even and odd samples must agree on the joules, which catches a load at half the
sampling rate; samples at random moments must agree with the line through their neighbours,
which catches one at the rate itself. An alarm takes a difference of 1 % that is also thrice
what noise explains.
"""

from math import sqrt
from typing import NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.energy import integrate

RATIO, SIGMAS = 0.01, 3.0
FEWEST = 8  # samples of a kind, below which their spread says little

Strays = Sequence[Tuple[float, float]]  # (seconds, watts) of samples at random moments


class Beat(NamedTuple):
    """Samples that disagree: the joules in question (one standard deviation), a sentence."""

    joules: float
    sentence: str


def find(
    times: Sequence[float],
    watts: Sequence[float],
    strays: Strays,
    start_s: float,
    end_s: float,
    area: integrate.Area,
) -> Optional[Beat]:
    """The alarm of a window, of two the one about more joules; None if there is none."""
    alarms = (
        _even_odd(times, watts, start_s, end_s, area),
        _strays(times, watts, strays, start_s, end_s),
    )
    found = [beat for beat in alarms if beat is not None]
    return max(found, key=lambda beat: beat.joules) if found else None


def _even_odd(
    times: Sequence[float],
    watts: Sequence[float],
    start_s: float,
    end_s: float,
    area: integrate.Area,
) -> Optional[Beat]:
    if area.samples < 2 * FEWEST or area.gaps:
        return None
    # each half alone, on twice the period, so both see a slow load alike and differ at the rate
    even, odd = [
        integrate.trapezoid(*integrate.cut(times[i::2], watts[i::2], start_s, end_s))
        for i in (0, 1)
    ]
    noise = sqrt(area.square / 2 / area.samples) * (end_s - start_s) * sqrt(4 / area.samples)
    return _judged(abs(even - odd), noise, even + odd, "even and odd samples differ by {:.1%}")


def _strays(
    times: Sequence[float], watts: Sequence[float], strays: Strays, start_s: float, end_s: float
) -> Optional[Beat]:
    inside = [(t, w) for t, w in strays if start_s <= t <= end_s]
    if len(inside) < FEWEST:
        return None
    off = [w - integrate.at(times, watts, t) for t, w in inside]
    mean = sum(off) / len(off)
    spread = sqrt(sum((value - mean) ** 2 for value in off) / (len(off) - 1))
    seconds, level = end_s - start_s, sum(w for _, w in inside) / len(inside)
    return _judged(
        abs(mean) * seconds,
        spread / sqrt(len(off)) * seconds,
        2 * level * seconds,
        "samples at random moments differ from the regular ones by {:.1%}",
    )


def _judged(difference: float, noise: float, twice_joules: float, text: str) -> Optional[Beat]:
    """The alarm that `difference` joules call for, against `noise` and half of `twice_joules`."""
    if twice_joules <= 0 or difference <= SIGMAS * noise:
        return None
    ratio = 2 * difference / twice_joules
    return Beat(difference / 2, text.format(ratio)) if ratio > RATIO else None
