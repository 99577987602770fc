"""What was compared: numbers that agree, numbers that differ, numbers that nothing can derive."""

import math
from typing import Any, List, NamedTuple, Optional

ROUNDING = 1e-9  # relative: of sums of floats in another order


class Difference(NamedTuple):
    """A stored value that is not what can be derived; `how` says from what, and how closely."""

    what: str
    stored: Any
    derived: str
    how: str


class Unknown(NamedTuple):
    """What was not derived, and why."""

    what: str
    why: str


class Outcome:
    """Collects what the checks of one bundle find."""

    def __init__(self) -> None:
        self.agreed = 0
        self.differences: List[Difference] = []
        self.unknown: List[Unknown] = []

    def differs(self, what: str, stored: Any, derived: str, how: str) -> None:
        """Notes a difference."""
        self.differences.append(Difference(what, stored, derived, how))

    def skip(self, what: str, why: str) -> None:
        """Notes what cannot be derived."""
        if Unknown(what, why) not in self.unknown:
            self.unknown.append(Unknown(what, why))

    def same(self, what: str, stored: Any, derived: Any, how: str) -> None:
        """Both are one value."""
        if stored == derived and isinstance(stored, bool) == isinstance(derived, bool):
            self.agreed += 1
        else:
            self.differs(what, stored, "{!r}".format(derived), how)

    def near(
        self, what: str, stored: Any, derived: float, how: str, tolerance: float = 0.0
    ) -> None:
        """The stored number is the derived one, within a tolerance in its own unit."""
        margin = tolerance + ROUNDING * max(1.0, abs(derived))
        self._between(what, stored, derived - margin, derived + margin, derived, margin, how)

    def within(
        self,
        what: str,
        stored: Any,
        low: Optional[float],
        high: Optional[float],
        how: str,
        tolerance: float = 0.0,
    ) -> None:
        """The stored number lies between two bounds; None is no bound."""
        low_ = -math.inf if low is None else low - tolerance - ROUNDING * max(1.0, abs(low))
        high_ = math.inf if high is None else high + tolerance + ROUNDING * max(1.0, abs(high))
        self._between(what, stored, low_, high_, None, tolerance, how)

    def _between(
        self,
        what: str,
        stored: Any,
        low: float,
        high: float,
        middle: Optional[float],
        margin: float,
        how: str,
    ) -> None:
        number = isinstance(stored, (int, float)) and not isinstance(stored, bool)
        if number and low <= stored <= high:
            self.agreed += 1
            return
        derived = (
            "{:.6g} to {:.6g}".format(low, high)
            if middle is None
            else "{:.9g} within {:.2g}".format(middle, margin)
        )
        self.differs(what, stored, derived, how)
