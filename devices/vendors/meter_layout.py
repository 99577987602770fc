"""Where in a bench meter's line time and power stand, by the names of its columns."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.vendors.meter_units import Column

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


def of(found: Sequence[Optional[Column]]) -> Tuple[Optional[Layout], Optional[str]]:
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
