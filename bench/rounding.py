"""Numbers as text, rounded as a person rounds what is printed. Free of torch.

A float lies a little above or below the digits that it prints: 100 * 0.9685 becomes 96.9 or 96.8,
depending on how it was multiplied, so that a log and a table showed two accuracies of one run.
Here the digits of repr are the number, and a half goes away from zero.
"""

from decimal import ROUND_HALF_UP, Context, Decimal

# the largest float has 309 digits before the point, and each of them must be kept
EXACT = Context(prec=700, rounding=ROUND_HALF_UP)


def fixed(value: float, decimals: int) -> str:
    """The value with so many decimals; with negative ones, whole tens or hundreds."""
    return "{:f}".format(_digits(value).quantize(Decimal(1).scaleb(-decimals), context=EXACT))


def percent(fraction: float, decimals: int = 1) -> str:
    """A fraction in percent, without the sign: "96.9" of 0.9685."""
    return fixed(scaled(fraction, 0.01), decimals)


def scaled(value: float, size: float) -> float:
    """The value in units of a size: 57.35 of 0.5735 and 0.01, not 57.349999999999994."""
    return float(EXACT.divide(_digits(value), _digits(size)))


def points(after: float, before: float) -> float:
    """The difference of two fractions in percentage points: 0.85 of 0.9685 and 0.96."""
    return float(100 * (_digits(after) - _digits(before)))


def significant(value: float, digits: int) -> Decimal:
    """The value rounded to so many significant digits."""
    exact = _digits(value)
    if not exact:
        return Decimal(0)
    last = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return exact.quantize(last, context=EXACT)


def _digits(value: float) -> Decimal:
    """What repr prints; a numpy scalar prints its type as well, so it is made a float first."""
    return Decimal(value) if isinstance(value, int) else Decimal(repr(float(value)))
