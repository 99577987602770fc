"""Lines of a bench meter: `WATTS`, `TIME,WATTS`, or columns that a first line names.

Columns are parted by commas, semicolons or tabs; where it is not a comma, a comma is a decimal
point. A line without a value for what is needed is bad; one whose value is an overload, not a
number or infinite is `missing`: the meter spoke and measured nothing.
"""

from math import isfinite
from typing import List, Optional, Tuple

from edgejoule.devices.vendors import meter_layout, meter_units
from edgejoule.devices.vendors.meter_layout import BARE, TIMED, Layout, Place

OVERLOAD = 9.9e37  # SCPI's infinity; its "not a number" is 9.91e37
OVERLOADS = ("ol", "o.l", "ovl", "ovld", "ovrflw", "overload", "overflow", "over range", "----")
# A time without a unit that stands for a year between 1973 and 5138 must count these since 1970.
SINCE_1970 = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
COMMA = "if its comma is a decimal comma, write 8.5 or part the columns by semicolons"
SHOWN = 60  # characters of a line that a sentence quotes


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
        self._layout, self._refused = meter_layout.of(found)
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
