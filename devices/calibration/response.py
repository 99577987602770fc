"""How a sensor answers power: the part of the time it sees, and how far it trails.

Two models of the value at a renewal, both of a load whose edges are known:
- window: the mean of the power over `size_s`, ended `delay_s` before (arXiv 2312.02741);
- first order: power through a low-pass of time constant `size_s`, `delay_s` before (the
  recursive averaging of an INA3221 in continuous mode).
Both are linear in the power at rest and the height of the load's step, so of four numbers only
size and delay are searched for. Pure functions, no clock, no device, no chance.
"""

from bisect import bisect_right
from math import exp, sqrt
from operator import mul
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.devices.calibration import renewals
from edgejoule.devices.calibration.renewals import Interval, Renewals

Edges = Sequence[Tuple[float, float]]  # (moment in s, share of the full load from then on)
# (moments [n], size, delay) -> load [n] that a sensor shows which sees only the load
Predict = Callable[[Sequence[float], float, float], List[float]]

WINDOW, FIRST_ORDER = "window", "first order"
SIZES_S = tuple(0.002 * 1.5**k for k in range(19))  # 2 ms to 3 s
LONGEST_DELAY_S = 0.15  # or two updates: beyond what arXiv 2312.02741 saw on any of 70 GPUs
REFINE = (0.5, 1e-3)  # first and last step of the search, of the size
COARSE = 100  # renewals looked at in the coarse search
# of size and delay: each alone, and both with the mean delay of a window or a low-pass kept
MOVES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, -0.5), (-1, 0.5), (1, -1), (-1, 1))
TRIES = 3  # best points of the coarse search from which the fine one sets out
CONFIDENT = 4.0  # squared deviates: the 95 % interval
FEWEST = 12  # renewals without which four numbers cannot be told
NEARLY_ALL = 0.9  # of the update: a smaller part unseen does no harm worth a warning
SEEN = 0.5  # of the variance that the load must explain to be what the sensor shows


class Response(NamedTuple):
    """How the sensor answers; seconds.

    `lag_s` is the mean delay of what is shown, holding the value until the next renewal
    included; `explained` the share of the variance of its values that the model explains.
    """

    model: str
    update_s: Optional[Interval]
    window_s: Optional[Interval]
    time_constant_s: Optional[Interval]
    lag_s: Interval
    explained: float
    step_watts: float

    def blind(self) -> bool:
        """True if the sensor surely leaves a part of every update unseen."""
        if self.update_s is None or self.window_s is None:
            return False
        return self.window_s.high < NEARLY_ALL * self.update_s.low


class Fit(NamedTuple):
    """Size and delay of a model, s, and the squares of watts it leaves; rest and step in watts."""

    size_s: float
    delay_s: float
    squares: float
    rest_watts: float
    step_watts: float


def find(times: Sequence[float], watts: Sequence[float], edges: Edges) -> Optional[Response]:
    """The response that explains reads [n] (s, watts) of a load with those edges.

    None if the load does not show in them.
    """
    seen = renewals.find(times, watts)
    if len(seen.moments) < FEWEST or not edges:
        return None
    total = _squares(seen.watts)
    if total <= 0.0:
        return None
    load = Load(edges)
    models = {WINDOW: load.means, FIRST_ORDER: load.filtered}
    fits = {name: _best(models[name], seen) for name in models}
    name = min(sorted(fits), key=lambda each: (fits[each].squares, each == FIRST_ORDER))
    explained = 1.0 - fits[name].squares / total
    if explained < SEEN or fits[name].step_watts <= 0.0:
        return None
    return _response(name, fits[name], models[name], seen, explained)


class Load:
    """A load of known edges: what a sensor that sees only it would show."""

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
        at_edges, value = [], 0.0
        for place, moment in enumerate(self.moments):
            if place:
                passed = moment - self.moments[place - 1]
                value = self.shares[place] + (value - self.shares[place]) * exp(-passed / tau_s)
            at_edges.append(value)
        found = []
        for moment in moments:
            place = bisect_right(self.moments, moment - delay_s)
            share = self.shares[place]
            since = moment - delay_s - self.moments[place - 1] if place else 0.0
            start = at_edges[place - 1] if place else 0.0
            found.append(share + (start - share) * exp(-since / tau_s))
        return found


def _fitted(predict: Predict, seen: Renewals, size_s: float, delay_s: float) -> Fit:
    """The fit of that size and delay: the straight line from load to watts."""
    load = predict(seen.moments, size_s, delay_s)
    rest, step = renewals.line(load, seen.watts)
    squares = sum((w - rest - step * x) ** 2 for x, w in zip(load, seen.watts))
    return Fit(size_s, delay_s, squares, rest, step)


def _best(predict: Predict, seen: Renewals) -> Fit:
    """The fit with the least squares: a coarse look at all, then a fine one at the best."""
    update = seen.update_s.value if seen.update_s else 0.0
    longest, pace = max(LONGEST_DELAY_S, 2 * update), max(update / 4, 0.01)
    delays = [pace * k for k in range(int(longest / pace) + 1)]
    every = max(len(seen.moments) // COARSE, 1)
    coarse = seen._replace(moments=seen.moments[::every], watts=seen.watts[::every])
    found = sorted(
        (_fitted(predict, coarse, size, delay) for size in SIZES_S for delay in delays),
        key=lambda fit: fit.squares,
    )
    return min((_refined(predict, seen, fit) for fit in found[:TRIES]), key=lambda f: f.squares)


def _refined(predict: Predict, seen: Renewals, best: Fit) -> Fit:
    """Steps along size, delay and both (the middle of the window kept), halved when none helps."""
    step, best = REFINE[0], _fitted(predict, seen, best.size_s, best.delay_s)
    while step > REFINE[1]:
        pace = step * best.size_s
        moves = [(a * pace, b * pace) for a, b in MOVES]
        tried = [
            _fitted(predict, seen, best.size_s + a, best.delay_s + b)
            for a, b in moves
            if best.size_s + a >= SIZES_S[0] / 2 and best.delay_s + b >= -seen.spacing_s
        ]
        better = min(tried, key=lambda fit: fit.squares)
        if better.squares < best.squares:
            best = better
        else:
            step /= 2
    return best


def _response(name: str, fit: Fit, predict: Predict, seen: Renewals, explained: float) -> Response:
    """The fit in the words of a sensor."""
    size_off, middle_off = _errors(fit, predict, seen, 0.5 if name == WINDOW else 1.0)
    size = Interval(fit.size_s, max(fit.size_s - size_off, 0.0), fit.size_s + size_off)
    held = seen.update_s.value / 2 if seen.update_s else 0.0
    lag = fit.delay_s + fit.size_s * (0.5 if name == WINDOW else 1.0) + held
    return Response(
        name,
        seen.update_s,
        size if name == WINDOW else None,
        size if name == FIRST_ORDER else None,
        Interval(max(lag, 0.0), max(lag - middle_off, 0.0), lag + middle_off),
        explained,
        fit.step_watts,
    )


def _errors(fit: Fit, predict: Predict, seen: Renewals, share: float) -> Tuple[float, float]:
    """Half of the 95 % intervals of the size and of the mean delay (delay + share x size), s.

    From how much the watts move with each, what rest and step can undo left out. The moments of
    edges and renewals are known to the spacing of the reads, which no number of them mends.
    """
    pace = max(0.02 * fit.size_s, seen.spacing_s / 2, 1e-4)
    here = predict(seen.moments, fit.size_s, fit.delay_s)

    def moved(size: float, delay: float) -> List[float]:
        """How the watts move with the size, or the delay, by its own length, W/s."""
        more = predict(seen.moments, fit.size_s + size, fit.delay_s + delay)
        less = predict(seen.moments, max(fit.size_s - size, 1e-6), fit.delay_s - delay)
        slope = [fit.step_watts * (a - b) / (2 * pace) for a, b in zip(more, less)]
        rest, step = renewals.line(here, slope)
        return [each - rest - step * x for x, each in zip(here, slope)]

    by_size, by_middle = moved(pace, -share * pace), moved(0.0, pace)
    left = [w - fit.rest_watts - fit.step_watts * x for x, w in zip(here, seen.watts)]
    variance = fit.squares / max(len(left) - 4, 1) * _repeated(left)
    a, b, c = _dot(by_size, by_size), _dot(by_size, by_middle), _dot(by_middle, by_middle)
    determinant = a * c - b * b
    if determinant <= 0.0:
        return float("inf"), float("inf")
    errors = (variance * c / determinant, variance * a / determinant)
    size_off, middle_off = [sqrt(CONFIDENT * e + seen.spacing_s**2) for e in errors]
    return size_off, middle_off


def _repeated(left: Sequence[float]) -> float:
    """How many values in a row tell the same: from the correlation of neighbours, at least 1."""
    total = _dot(left, left)
    along = _dot(left[1:], left[:-1]) / total if total > 0.0 else 0.0
    along = min(max(along, 0.0), 0.95)
    return (1 + along) / (1 - along)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(map(mul, a, b))


def _squares(values: Sequence[float]) -> float:
    """Sum of squared differences from the mean."""
    middle = sum(values) / len(values)
    return sum((value - middle) ** 2 for value in values)
