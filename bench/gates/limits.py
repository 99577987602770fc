"""What the gate calls a change: `[gate]` of the repository's edgejoule.toml. Free of torch.

    [gate]
    pairs = 8                      # of an A/B comparison
    demand = ["joules"]            # a night without them never passes
    [gate.floors]
    joules = 0.03                  # a smaller rise is no regression
    [gate.suites.quick]            # another suite, other thresholds
    longest = 5
    [gate.suites.quick.floors]
    seconds = 0.10

They live with the code: a threshold that is changed is a commit that somebody can read.
"""

from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from edgejoule import plugins
from edgejoule.bench import grid, settings
from edgejoule.bench.gates import scan
from edgejoule.bench.history import store

FILE = "edgejoule.toml"
WHOLE = ("pairs", "draws", "before", "shortest", "longest")
FLOORS = {metric.name: metric.floor for metric in store.METRICS if not metric.exact}


class Thresholds(NamedTuple):
    """Everything that decides between PASS and FAIL, and where it was read."""

    pairs: int = 8  # of an A/B comparison
    draws: int = 2000  # bootstrap medians
    before: int = scan.BEFORE  # nights of the old level
    shortest: int = scan.SHORTEST  # nights of the new level, from
    longest: int = scan.LONGEST  # to
    z: float = scan.Z  # robust standard deviations to exceed
    suspect: float = 0.5  # share of a floor at which a step becomes a suspect
    noise: float = 0.015  # from night to night, until enough nights tell their own
    false_discoveries: float = 0.002  # share of alarms (Benjamini and Hochberg)
    demand: Tuple[str, ...] = ()  # metrics without which no night passes
    floors: Dict[str, float] = FLOORS  # fraction of the value; of accuracy, absolute
    source: str = "defaults"


def read(path: Optional[store.Folder] = None, suite: Optional[str] = None) -> Thresholds:
    """The thresholds for a suite: defaults < [gate] < [gate.suites.<suite>].

    Without a path: edgejoule.toml of the working folder, else that of this repository.

    Raises:
        ValueError: the file cannot be read, or says something that means nothing.
    """
    found = Path(path) if path else _nearest_file()
    if found is None:
        return Thresholds()
    try:
        tables = grid.tomllib.loads(found.read_bytes().decode("utf8"))
        return _resolved(tables.get("gate", {}), suite)._replace(source=str(found))
    except (OSError, ValueError) as error:
        raise ValueError("thresholds {}: {}".format(found, error)) from None


def lines(thresholds: Thresholds) -> Iterator[str]:
    """The resolved thresholds, as the TOML that would set them."""
    yield "# from {}".format(thresholds.source)
    yield "[gate]"
    for key, value in thresholds._asdict().items():
        if key == "demand":
            yield "demand = [{}]".format(", ".join('"{}"'.format(name) for name in value))
        elif key not in ("floors", "source"):
            yield "{} = {:g}".format(key, value)
    yield "[gate.floors]"
    yield from ("{} = {:g}".format(*pair) for pair in thresholds.floors.items())


def _nearest_file() -> Optional[Path]:
    places = (Path(FILE), plugins.ROOT / FILE)
    return next((path for path in places if path.is_file()), None)


def _resolved(table: Any, suite: Optional[str]) -> Thresholds:
    """The thresholds that a [gate] table gives a suite."""
    suites = _table("gate.suites", table.get("suites", {})) if isinstance(table, dict) else {}
    resolved = _applied("gate", Thresholds(), table, ("suites",))
    for name, own in suites.items():
        checked = _applied("gate.suites." + name, resolved, own)
        if name == suite:
            return checked
    return resolved


def _applied(where: str, base: Thresholds, table: Any, more: Sequence[str] = ()) -> Thresholds:
    """Thresholds changed by what a table says; `more` are keys that others read."""
    known = [key for key in Thresholds._fields if key != "source"]
    settings.check_known(where, _table(where, table), known + list(more))
    changes = {
        key: _checked("{}.{}".format(where, key), key, value)
        for key, value in table.items()
        if key not in more
    }
    changes["floors"] = dict(base.floors, **changes.get("floors", {}))
    made = base._replace(**changes)
    if made.shortest > made.longest:
        raise ValueError(
            "{}: shortest = {} is more than longest = {}".format(where, made.shortest, made.longest)
        )
    return made


def _checked(where: str, key: str, value: Any) -> Any:
    if key == "floors":
        settings.check_known(where, _table(where, value), FLOORS)
        return {name: _number(where + "." + name, each) for name, each in value.items()}
    if key == "demand":
        if not isinstance(value, (list, tuple)):
            raise ValueError("{} = {!r} is no list of metrics".format(where, value))
        wanted = dict.fromkeys(str(each) for each in value)
        settings.check_known(where, wanted, FLOORS)
        return tuple(wanted)
    return _number(where, value, whole=key in WHOLE)


def _number(where: str, value: Any, whole: bool = False) -> float:
    # bool is an int to Python; `pairs = true` is a mistake all the same
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    if not number or (whole and not isinstance(value, int)):
        raise ValueError(
            "{} = {!r}; it must be a {}number above 0".format(
                where, value, "whole " if whole else ""
            )
        )
    return value


def _table(where: str, value: Any) -> Dict:
    if not isinstance(value, dict):
        raise ValueError("{} = {!r} is no table".format(where, value))
    return value
