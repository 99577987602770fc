"""A load of known edges, and what a sensor would show that saw nothing else."""

from bisect import bisect_right
from math import exp
from typing import List, Sequence, Tuple

Edges = Sequence[Tuple[float, float]]  # (moment in s, share of the full load from then on)

INSTANT_S = 1e-6  # a rise that is none


class Load:
    """Shares of the full load [m] from moments [m] on; at rest before."""

    def __init__(self, edges: Edges):
        self.moments = [moment for moment, _ in edges]
        self.shares = [0.0] + [share for _, share in edges]
        self.sums = [0.0]
        for (a, share), (b, _) in zip(edges, edges[1:]):
            self.sums.append(self.sums[-1] + share * (b - a))

    def sum(self, moment: float) -> float:
        """The load from its first edge to a moment, in seconds of full load."""
        place = bisect_right(self.moments, moment)
        if not place:
            return 0.0
        return self.sums[place - 1] + self.shares[place] * (moment - self.moments[place - 1])

    def means(self, moments: Sequence[float], window_s: float, delay_s: float) -> List[float]:
        """Mean load [n] over the window that ended `delay_s` before each moment [n]."""
        total, both = self.sum, window_s + delay_s
        return [(total(t - delay_s) - total(t - both)) / window_s for t in moments]

    def filtered(self, moments: Sequence[float], tau_s: float, delay_s: float) -> List[float]:
        """Load [n] through a low-pass of time constant `tau_s`, `delay_s` before each moment."""
        tau_s = max(tau_s, INSTANT_S)
        at_edges, value, found = [0.0], 0.0, []
        for place, moment in enumerate(self.moments):
            if place:
                share = self.shares[place]
                value = share + (value - share) * exp((self.moments[place - 1] - moment) / tau_s)
            at_edges.append(value)
        starts = [0.0] + self.moments
        for moment in moments:
            place = bisect_right(self.moments, moment - delay_s)
            share = self.shares[place]
            since = moment - delay_s - starts[place]
            found.append(share + (at_edges[place] - share) * exp(-since / tau_s) if place else 0.0)
        return found

    def seen(self, moments: Sequence[float], numbers: Sequence[float]) -> List[float]:
        """Load [n] as a sensor shows it of numbers [delay, rise] or [delay, rise, window], s."""
        if len(numbers) == 2:
            return self.filtered(moments, numbers[1], numbers[0])
        delay_s, rise_s, window_s = numbers
        plain = self.means(moments, window_s, delay_s)
        if rise_s <= INSTANT_S:
            return plain
        # the integral of a low-passed load is that of the load, less what has yet to come out
        late = self.filtered(moments, rise_s, delay_s)
        early = self.filtered(moments, rise_s, delay_s + window_s)
        return [p - rise_s * (a - b) / window_s for p, a, b in zip(plain, late, early)]
