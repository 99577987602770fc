"""A method beside dense training of its block: what it saves and loses, as numbers and in words."""

import math
from typing import Any, Dict, NamedTuple

from edgejoule.reports import quantity
from edgejoule.reports.comparisons import MARGIN
from edgejoule.reports.paired import Estimate
from edgejoule.reports.words import plural

NOTHING = 1e-6  # percent: what the arithmetic leaves of equal values has no digits
FAR = 1000  # percent: an end of an interval beyond that only says that nothing is known
LEAST = -MARGIN - 1e-9  # a loss of just one point in every seed is "not more than a point"


class Candidate(NamedTuple):
    """A method beside dense training of its block."""

    method: Dict[str, Any]
    cost: Estimate  # the logarithm of the ratio
    accuracy: Estimate  # the difference, as a fraction

    @property
    def name(self) -> str:
        """What the tables call it."""
        return self.method["name"]

    @property
    def keeps(self) -> bool:
        """True if its accuracy is shown to be not worse than dense's by more than the margin."""
        return self.accuracy.above(LEAST)

    @property
    def loses(self) -> bool:
        """True if its accuracy is shown to be worse than that."""
        ends = self.accuracy.interval()
        return ends is not None and not self.keeps and ends[1] < LEAST

    @property
    def size(self) -> str:
        """What it saves or costs: "44 % fewer"."""
        return "{} % {}".format(
            _text(abs(_share(self.cost.value)), self._decimals),
            "fewer" if self.cost.value <= 0 else "more",
        )

    @property
    def points(self) -> str:
        """The difference in accuracy: "−0.3 points (95 % interval −0.9 to +0.3)"."""
        ends = self.accuracy.interval()
        if ends is None:
            return quantity.signed(100 * self.accuracy.value, 1) + " points"
        half = 100 * (ends[1] - ends[0]) / 2
        decimals = min(max(quantity.supported(half), 1), 2) if half > NOTHING else 1
        value, low, high = (
            quantity.signed(100 * number, decimals) for number in (self.accuracy.value,) + ends
        )
        return "{} points (95 % interval {} to {})".format(value, low, high)

    def saving(self, cost: str) -> str:
        """What it saves or costs over a whole run, with its interval and number of seeds."""
        words = "{} {} over a whole run".format(self.size, cost)
        ends = self.cost.interval()
        if ends is None:
            return words
        interval = self._interval(_share(ends[1]), _share(ends[0]))
        return "{} (95 % interval {}, {})".format(words, interval, plural(self.cost.n, "seed"))

    def standing(self, cost: str) -> str:
        """What it saves and loses beside dense training, both with their intervals."""
        return "{}, takes {} than dense training; its accuracy differs by {}".format(
            self.name, self.saving(cost), self.points
        )

    def _interval(self, least: float, most: float) -> str:
        """The percent that are saved at least and at most: "12 to 31 %", "3 % more to 9 % fewer".

        An interval that holds both a saving and a loss says which end is which: a bare minus
        would leave the reader to find out whether it is good.
        """
        low, high = (
            "over {}".format(FAR) if abs(each) > FAR else _text(abs(each), self._decimals)
            for each in (least, most)
        )
        if least < 0 < most:
            return "{} % fewer to {} % more".format(high, low)
        return "{} to {} %".format(*((low, high) if most > 0 else (high, low)))

    @property
    def _decimals(self) -> int:
        ends = self.cost.interval()
        half = 0.0 if ends is None else abs(_share(ends[1]) - _share(ends[0])) / 2
        return min(max(quantity.supported(half), 0), 1) if half > NOTHING else 1


def _share(logarithm: float) -> float:
    """Percent saved by a ratio that is given by its logarithm; negative if it costs more."""
    return 100 * (1 - math.exp(logarithm))


def _text(value: float, decimals: int) -> str:
    return quantity.signed(value, decimals).lstrip("+")
