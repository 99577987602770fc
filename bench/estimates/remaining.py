"""Seconds that the cases after the present one will take, by what was measured meanwhile."""

from statistics import mean
from typing import Dict, List, Optional, Sequence


class Remaining:
    """How long a walk through cases still takes; told how long each took, it learns.

    Args:
        methods: of every case in running order, what replicates share.
        expected: seconds of every case as forecast, None where not known.
        at_once: how many cases run side by side and so share what is left.
    """

    def __init__(
        self,
        methods: Sequence[str],
        expected: Sequence[Optional[float]] = (),
        at_once: int = 1,
    ) -> None:
        self._methods = list(methods)
        self._expected = list(expected) or [None] * len(self._methods)
        self._at_once = at_once
        self._took: Dict[int, float] = {}

    def took(self, place: int, seconds: float) -> None:
        """A case has ended."""
        self._took[place] = seconds

    def eta(self, place: int) -> Dict[str, Optional[float]]:
        """Seconds of a case and of all cases after it; None where nobody knows.

        Of cases side by side each has its share of those after it: seconds and number are divided.
        """
        rest = [self._seconds(each) for each in range(place + 1, len(self._methods))]
        known = [each for each in rest if each is not None]
        return {
            "case_s": self._seconds(place),
            "rest_s": sum(known) / self._at_once if len(known) == len(rest) else None,
            "cases_after": len(rest) / self._at_once,
        }

    def _seconds(self, place: int) -> Optional[float]:
        """As its replicates took; else as forecast, mended by how others' forecasts turned out."""
        alike = [s for i, s in self._took.items() if self._methods[i] == self._methods[place]]
        if alike:
            return mean(alike)
        expected = self._expected[place]
        if expected is None:
            # with no forecast at all the others' mean is the best guess there is
            return mean(self._took.values()) if self._took else None
        return expected * self._correction()

    def _correction(self) -> float:
        pairs: List = [(s, self._expected[i]) for i, s in self._took.items()]
        forecast = sum(expected for _, expected in pairs if expected)
        return sum(s for s, expected in pairs if expected) / forecast if forecast else 1.0
