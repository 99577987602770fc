"""Lines of a bench meter: `WATTS`, `TIME,WATTS`, or columns that a first line names."""

from typing import Dict, List, Optional, Sequence, Tuple

TIMES = ("time", "time_s", "timestamp", "t")
WATTS = ("watts", "power", "power_w", "w")
VOLTS, AMPS = ("volts", "voltage", "voltage_v", "v"), ("amps", "current", "current_a", "a")


class Columns:
    """What the numbers of a line are; `bad` counts the lines that held no sample."""

    def __init__(self) -> None:
        self._names: Optional[List[str]] = None
        self.bad = 0

    def name(self, line: str) -> bool:
        """True if the line names columns, which then hold for those after it."""
        names = [word.strip().lower() for word in line.split(",")]
        if not any(name in WATTS + VOLTS for name in names):
            return False
        self._names = names
        return True

    def parse(self, line: str) -> Optional[Tuple[Optional[float], float]]:
        """(time or None, watts) of a line; None if it names columns or is no sample."""
        if self.name(line):
            return None
        try:
            return self._values([float(word) for word in line.split(",")])
        except ValueError:
            self.bad += 1
            return None

    def _values(self, values: Sequence[float]) -> Tuple[Optional[float], float]:
        if self._names is None:
            return (None, values[0]) if len(values) == 1 else (values[0], values[1])
        named = dict(zip(self._names, values))
        watts = _first(named, WATTS)
        if watts is None:
            watts = _needed(named, VOLTS) * _needed(named, AMPS)
        return _first(named, TIMES), watts


def _first(named: Dict[str, float], names: Sequence[str]) -> Optional[float]:
    return next((named[name] for name in names if name in named), None)


def _needed(named: Dict[str, float], names: Sequence[str]) -> float:
    value = _first(named, names)
    if value is None:
        raise ValueError("no column of {}".format(", ".join(names)))
    return value
