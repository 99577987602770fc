"""Lines of a bench meter: `WATTS`, `TIME,WATTS`, or columns that a first line names.

Columns are parted by commas, semicolons or tabs; where it is not a comma, a comma is a decimal
point. A line without a value for what is needed is bad; one whose value is an overload, not a
number or infinite is `missing`: the meter spoke and measured nothing.
"""

from math import isfinite
from typing import List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.vendors import meter_units
from edgejoule.devices.vendors.meter_units import Column

OVERLOAD = 9.9e37  # SCPI's infinity; its "not a number" is 9.91e37
OVERLOADS = ("ol", "o.l", "ovl", "ovld", "ovrflw", "overload", "overflow", "over range", "----")
# A time without a unit that stands for a year between 1973 and 5138 must count these since 1970.
SINCE_1970 = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
COMMA = "if its comma is a decimal comma, write 8.5 or part the columns by semicolons"
SHOWN = 60  # characters of a line that a sentence quotes

Place = Tuple[int, float]  # a column's position, and the factor that makes its numbers SI


class Layout(NamedTuple):
    """Where in a line which quantity stands; `values` are multiplied: power, or volts and amps.

    `width` is how many columns there are at most; `kind` is "watts" or "joules".
    """

    width: int
    time: Optional[Place]
    values: Tuple[Place, ...]
    kind: str
    mean: bool
    guess_unit: bool  # of the time, which no unit stands beside


BARE = Layout(1, None, ((0, 1.0),), "watts", False, False)
TIMED = Layout(3, (0, 1.0), ((1, 1.0),), "watts", False, True)


class Columns:
    """What the numbers of a line are; `bad` counts the lines that held no sample.

    `missing` counts those whose value was no number; `reason` says why the last of either was
    none.
    """

    def __init__(self) -> None:
        self._layout: Optional[Layout] = None
        self._refused: Optional[str] = None
        self._parsed = 0
        self.bad = self.missing = 0
        self.reason: Optional[str] = None

    @property
    def kind(self) -> str:
        """What a value is: "watts", or "joules" so far."""
        return self._layout.kind if self._layout else BARE.kind

    @property
    def mean(self) -> bool:
        """True if the columns' names say that a value is a mean since the one before."""
        return self._layout is not None and self._layout.mean

    def name(self, line: str) -> bool:
        """True if the line names columns, which then hold for those after it."""
        names = _split(line.lstrip("\ufeff# "))
        if any(_is_number(name) for name in names):
            return False
        found = [meter_units.column(name) for name in names]
        if not any(found):
            if len(names) > 1 and not self._parsed and self._layout is None:
                self._refused = "the columns {} hold no power".format(", ".join(names))
            return False
        self._layout, self._refused = _layout(found)
        return True

    def parse(self, line: str) -> Optional[Tuple[Optional[float], float]]:
        """(time or None, value) of a line; None if it names columns or is no sample."""
        fields = _split(line)
        try:
            found = self._values(fields)
        except NoValue as error:
            self.missing += 1
            self.reason = _quoted(line, error)
        except ValueError as error:
            if self.name(line) or line.lstrip().startswith("#"):
                return None
            self.bad += 1
            self.reason = _quoted(line, error)
        else:
            self._parsed += 1
            return found
        return None

    def _values(self, fields: List[str]) -> Tuple[Optional[float], float]:
        layout = self._layout
        if self._refused is not None:
            raise ValueError(self._refused)
        if layout is None:
            layout = BARE if len(fields) == 1 else TIMED
            if len(fields) > 3 and all(field.lstrip("+-").isdigit() for field in fields):
                raise ValueError("has {} columns that nothing names; {}".format(len(fields), COMMA))
        elif len(fields) > layout.width:
            raise ValueError(
                "has {} columns where {} are named; {}".format(len(fields), layout.width, COMMA)
            )
        value = 1.0
        for place in layout.values:
            value *= _at(fields, place)
        return self._time(layout, fields), value

    @staticmethod
    def _time(layout: Layout, fields: List[str]) -> Optional[float]:
        if layout.time is None:
            return None
        position, factor = layout.time
        moment = float(fields[position])
        if not isfinite(moment):
            raise ValueError("its time is no moment")
        if layout.guess_unit:
            factor = next((unit for least, unit in SINCE_1970 if moment > least), factor)
        return moment * factor


class NoValue(ValueError):
    """The meter says that it has no value."""


def _layout(found: Sequence[Optional[Column]]) -> Tuple[Optional[Layout], Optional[str]]:
    """The layout of columns, or why there is none."""
    time = _places(found, "time")[:1]
    common = (len(found), _place(found, time[0]) if time else None)
    guess = bool(time) and not _known(found, time[0]).named
    for kind in ("watts", "joules"):
        places = _places(found, kind)
        if len(places) > 1:
            return None, "{} columns hold {}; leave one".format(len(places), kind)
        if places:
            mean = kind == "watts" and _known(found, places[0]).mean
            return Layout(*common, (_place(found, places[0]),), kind, mean, guess), None
    volts, amps = _places(found, "volts"), _places(found, "amps")
    if len(volts) == len(amps) == 1:
        both = (_place(found, volts[0]), _place(found, amps[0]))
        return Layout(*common, both, "watts", False, guess), None
    return None, "its columns hold no power, and not one of volts and one of amps"


def _places(found: Sequence[Optional[Column]], quantity: str) -> List[int]:
    """Positions of a quantity: those whose names are wholly known, snapshots before means."""
    columns = [(i, each) for i, each in enumerate(found) if each and each.quantity == quantity]
    for keep in (
        lambda each: each.sure and not each.mean,
        lambda each: each.sure,
        lambda each: True,
    ):
        kept = [i for i, each in columns if keep(each)]
        if kept:
            return kept
    return []


def _known(found: Sequence[Optional[Column]], position: int) -> Column:
    column = found[position]
    assert column is not None  # `_places` gives only positions of known columns
    return column


def _place(found: Sequence[Optional[Column]], position: int) -> Place:
    return position, _known(found, position).factor


def _split(line: str) -> List[str]:
    """The fields of a line, numbers with a decimal point."""
    part = next((each for each in ";\t" if each in line.strip()), ",")
    fields = [field.strip().strip('"').strip() for field in line.strip().split(part)]
    if len(fields) > 1 and not fields[-1]:
        fields.pop()  # a separator that ends the line
    return fields if part == "," else [field.replace(",", ".") for field in fields]


def _at(fields: List[str], place: Place) -> float:
    """A field's number in SI.

    Raises:
        NoValue: it is an overload, infinite or not a number.
        ValueError: there is no such field, or it is no number at all.
    """
    position, factor = place
    if position >= len(fields):
        raise ValueError("has {} columns, too few".format(len(fields)))
    if fields[position].lower().lstrip("+-") in OVERLOADS:
        raise NoValue("the meter shows an overload")
    number = float(fields[position])
    if not isfinite(number) or abs(number) >= OVERLOAD:
        raise NoValue("the meter shows an overload, or that it has no value")
    return number * factor


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _quoted(line: str, error: ValueError) -> str:
    """The line, and why it is no sample."""
    said = str(error).replace("could not convert string to float: ", "is no number: ")
    return "{!r}: {}".format(line.strip()[:SHOWN], said)
