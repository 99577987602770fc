"""Numbers as text: a unit that fits, and no digit that the spread does not support.

The spread is written with one digit, two if the first is a 1, and its last digit is the last
digit of the mean; but a measured mean never has more than four digits, for the spread of two or
three seeds may be small by luck. Without a spread three digits are written.
"""

from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.bench import rounding
from edgejoule.reports.spread import Ratio, Spread, known

DIGITS = 3  # of a value whose spread is not known
MOST_DIGITS = 4  # of a measured mean, and of counted quantities


class Unit(NamedTuple):
    """A unit and how many of the stored unit it is."""

    name: str
    size: float


FLOPS = (
    Unit("PFLOPs", 1e15),
    Unit("TFLOPs", 1e12),
    Unit("GFLOPs", 1e9),
    Unit("MFLOPs", 1e6),
    Unit("FLOPs", 1.0),
)
ENERGY = (Unit("MJ", 1e6), Unit("kJ", 1e3), Unit("J", 1.0), Unit("mJ", 1e-3))
TIME = (Unit("h", 3600.0), Unit("s", 1.0), Unit("ms", 1e-3))
COUNT = (Unit("G", 1e9), Unit("M", 1e6), Unit("k", 1e3), Unit("", 1.0))
PERCENT = Unit("%", 0.01)
ONE = Unit("", 1.0)


def fitting(values: Iterable[Optional[float]], units: Tuple[Unit, ...]) -> Unit:
    """The largest unit in which the largest value is at least 1; SI if nothing is known."""
    sizes = [abs(value) for value in known(values)] or [1.0]
    fits = [unit for unit in units if max(sizes) >= unit.size]
    return fits[0] if fits else units[-1]


def written(spread: Spread, unit: Unit, exact: bool = False) -> Tuple[str, str]:
    """(mean, "± sd" or "") in a unit; `exact` if the values were counted, not measured."""
    mean = rounding.scaled(spread.mean, unit.size)
    if spread.sd:
        return _with_deviation(mean, rounding.scaled(spread.sd, unit.size))
    if exact:
        return counted(mean), ""
    text = rounding.fixed(mean, 1) if unit is PERCENT else significant(mean)
    return text, "" if spread.sd is None else "± 0"


def _with_deviation(mean: float, deviation: float) -> Tuple[str, str]:
    decimals = min(supported(deviation), _decimals(mean, MOST_DIGITS))
    text = rounding.fixed(deviation, decimals)
    if float(text) == 0:  # "± 0" is kept for values that were all the same
        return rounding.fixed(mean, decimals), "±<" + rounding.fixed(10.0**-decimals, decimals)
    return rounding.fixed(mean, decimals), "± " + text


def written_ratio(ratio: Ratio) -> Tuple[str, str]:
    """("0.53", "[0.51–0.55]"); round brackets if it is no interval, "" for a single pair."""
    decimals = _ratio_decimals(ratio)
    # a single pair, or several that print alike: brackets would repeat the value
    if rounding.fixed(ratio.low, decimals) == rounding.fixed(ratio.high, decimals):
        return rounding.fixed(ratio.value, 2), ""
    brackets = "[{}–{}]" if ratio.is_interval else "({}–{})"
    return (
        rounding.fixed(ratio.value, decimals),
        brackets.format(rounding.fixed(ratio.low, decimals), rounding.fixed(ratio.high, decimals)),
    )


def brief(ratio: Ratio) -> str:
    """A ratio for a sentence: two decimals at most."""
    return rounding.fixed(ratio.value, min(_ratio_decimals(ratio), 2))


def _ratio_decimals(ratio: Ratio) -> int:
    half = (ratio.high - ratio.low) / 2  # stands for the standard deviation of other quantities
    return min(max(supported(half), 0), 3) if half > 0 else 2


def counted(value: float) -> str:
    """A number that was counted: four digits, fewer if they say all, two if it is next to 0."""
    text = significant(value, MOST_DIGITS if abs(value) >= 0.001 else 2)
    return text.rstrip("0").rstrip(".") if "." in text and float(text) == value else text


def grouped(count: float) -> str:
    """A whole number with its digits in threes: "172 032", by spaces that no line breaks at.

    Commas are decimals in half the world.
    """
    return "{:,}".format(round(count)).replace(",", "\u202f")


def summing(values: Sequence[float], whole: int) -> List[int]:
    """Whole numbers near some values, which sum to `whole` as the values do.

    The largest remainders are rounded up, as seats are dealt out.
    """
    found = [int(value) for value in values]
    order = sorted(range(len(found)), key=lambda place: found[place] - values[place])
    for place in order[: max(whole - sum(found), 0)]:
        found[place] += 1
    return found


def supported(deviation: float) -> int:
    """Decimals that a standard deviation supports; negative for tens and hundreds."""
    # of 0.14 one digit would leave 0.1: the smaller the first digit, the more is lost after it
    rounded = rounding.significant(deviation, 1)
    return -rounded.adjusted() + (1 if rounded.as_tuple().digits[0] == 1 else 0)


def significant(value: float, digits: int = DIGITS) -> str:
    """The value with so many significant digits, never as a power of ten; 0 is "0"."""
    if value == 0:
        return "0"
    return rounding.fixed(value, _decimals(value, digits))


def _decimals(value: float, digits: int) -> int:
    """Decimals that give a value so many significant digits once it is rounded."""
    return digits - 1 - rounding.significant(value, digits).adjusted()


def signed(value: float, decimals: int) -> str:
    """A difference with its sign, "+1.2" or "−0.3"; what rounds to 0 has none."""
    text = rounding.fixed(abs(value), decimals)
    sign = "" if float(text) == 0 else "+" if value > 0 else "−"
    return sign + text
