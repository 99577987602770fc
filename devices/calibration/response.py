"""How a sensor answers power: the part of the time it sees, and how far it trails.

Two models of the value at a renewal, both of a load whose edges are known:
- window: the mean of the power over `window_s`, ended some delay before (arXiv 2312.02741), of
  a load that may itself take a little while to rise;
- first order: power through a low-pass, some delay before (the recursive averaging of an
  INA3221 in continuous mode).
Both are linear in the power at rest and the height of the load's step, so only two or three
numbers are searched for. Pure functions, no clock, no device, no chance.
"""

from functools import partial
from math import sqrt
from typing import Callable, List, NamedTuple, Optional, Sequence

from edgejoule.devices.calibration import least_squares, renewals
from edgejoule.devices.calibration.least_squares import Found
from edgejoule.devices.calibration.played_load import Edges, Load
from edgejoule.devices.calibration.renewals import Interval, Renewals

# numbers [p] of a model -> load [n] that the sensor would show at its renewals
Predict = Callable[[Sequence[float]], List[float]]

WINDOW, FIRST_ORDER = "window", "first order"
SIZES_S = tuple(0.002 * 1.5**k for k in range(19))  # 2 ms to 3 s
LONGEST_DELAY_S = 0.15  # or two updates: beyond what arXiv 2312.02741 saw on any of 70 GPUs
RISES = (0.0, 0.3)  # parts of what looks like a window that may be the load's rise
COARSE = 80  # renewals looked at in the coarse search
TRIES = 2  # best points of the coarse search from which the fine one sets out
CONFIDENT = 2.0  # standard deviations: the 95 % interval
FEWEST = 12  # renewals without which five numbers cannot be told
SEEN = 0.5  # of the variance that the load must explain to be what the sensor shows
NEARLY_ALL = 0.9  # of the update: a smaller part unseen does no harm worth a warning
UNLIKELY = 9.0  # squared standard deviations: nearer than that is as likely
LINE = 2  # numbers of the straight line from load to watts
GAIN = 0.05  # of the squares: a model with one number more must save as much


class Response(NamedTuple):
    """How the sensor answers; seconds.

    `rise_s` is the time constant with which the load's power rises, or the sensor's own.
    `lag_s` is the mean delay of what is shown, holding the value until the next renewal
    included; `explained` the share of the variance of its values that the model explains.
    """

    model: str
    update_s: Optional[Interval]
    window_s: Optional[Interval]
    rise_s: Interval
    lag_s: Interval
    explained: float
    step_watts: float

    def blind(self) -> bool:
        """True if the sensor surely leaves a part of every update unseen."""
        if self.update_s is None or self.window_s is None:
            return False
        return self.window_s.high < NEARLY_ALL * self.update_s.low


def find(times: Sequence[float], watts: Sequence[float], edges: Edges) -> Optional[Response]:
    """The response that explains reads [n] (s, watts) of a load with those edges.

    None if the load does not show in them.
    """
    seen = renewals.find(times, watts)
    if len(seen.moments) < FEWEST or not edges:
        return None
    total = least_squares.dot(*[_without_mean(seen.watts)] * 2)
    if total <= 0.0:
        return None
    load = Load(edges)
    window, low_pass = _window(load, seen), _first_order(load, seen)
    model = FIRST_ORDER if _is_first_order(window, low_pass, seen) else WINDOW
    best = low_pass if model == FIRST_ORDER else window
    found = _response(model, best, load, seen, 1.0 - best.squares / total)
    return found if found.explained >= SEEN and found.step_watts > 0.0 else None


def _is_first_order(window: Found, low_pass: Found, seen: Renewals) -> bool:
    """True if the low-pass explains the values as well as a window and a rise do.

    A sensor that low-passes renews its value faster than that; a slower rise is the load's.
    """
    if seen.update_s is not None and low_pass.numbers[1] < seen.update_s.value:
        return False
    return low_pass.squares <= (1.0 + GAIN) * window.squares


def _window(load: Load, seen: Renewals) -> Found:
    """The best fit of [delay, rise, window]."""
    near = _coarse(load.means, seen)
    starts = [(delay, part * size, (1 - part) * size) for size, delay in near for part in RISES]
    return _fitted(partial(load.seen, seen.moments), seen, starts)


def _first_order(load: Load, seen: Renewals) -> Found:
    """The best fit of [delay, time constant]."""
    starts = [(delay, size) for size, delay in _coarse(load.filtered, seen)]
    return _fitted(partial(load.seen, seen.moments), seen, starts)


def _coarse(predict: Callable[..., List[float]], seen: Renewals) -> List[Sequence[float]]:
    """The best few (size, delay) of a look at all, at some of the renewals."""
    update = seen.update_s.value if seen.update_s else 0.0
    longest, pace = max(LONGEST_DELAY_S, 2 * update), max(update / 4, 0.01)
    delays = [pace * k for k in range(int(longest / pace) + 1)]
    every = max(len(seen.moments) // COARSE, 1)
    moments, watts = seen.moments[::every], seen.watts[::every]
    tried = [
        (least_squares.dot(*[_left(predict(moments, size, delay), watts)] * 2), size, delay)
        for size in SIZES_S
        for delay in delays
    ]
    return [each[1:] for each in sorted(tried)[:TRIES]]


def _fitted(predict: Predict, seen: Renewals, starts: Sequence[Sequence[float]]) -> Found:
    """The best of the fits from several starts."""
    least = [-seen.spacing_s, 0.0, SIZES_S[0] / 4][: len(starts[0])]
    pace = max(seen.spacing_s / 2, 1e-4)
    return min(
        (
            least_squares.fit(lambda n: _left(predict(n), seen.watts), start, least, pace)
            for start in starts
        ),
        key=lambda found: found.squares,
    )


def _left(load: Sequence[float], watts: Sequence[float]) -> List[float]:
    """What the best straight line from load [n] to watts [n] leaves of the watts [n]."""
    rest, step = renewals.line(load, watts)
    return [w - rest - step * x for x, w in zip(load, watts)]


def _response(model: str, fit: Found, load: Load, seen: Renewals, explained: float) -> Response:
    """The fit in the words of a sensor, each number with its interval."""
    repeated = _repeated(fit.left)

    def interval(parts: Sequence[float], more: float = 0.0) -> Interval:
        """Of a sum of parts of the numbers: what they do not tell, and the reads' spacing."""
        value = least_squares.dot(parts, fit.numbers) + more
        variance = fit.variance(parts, LINE) * repeated
        off = sqrt(CONFIDENT**2 * max(variance, 0.0) + seen.spacing_s**2)
        return Interval(max(value, 0.0), max(value - off, 0.0), max(value + off, 0.0))

    window, update = interval((0.0, 0.0, 1.0)) if model == WINDOW else None, seen.update_s
    if window and update and window.high < update.value:
        whole = _as_likely_whole(fit, partial(load.seen, seen.moments), seen, repeated)
        window = window._replace(high=update.high) if whole else window
    size = len(fit.numbers)
    held = update.value / 2 if update else 0.0
    return Response(
        model,
        update,
        window,
        interval((0.0, 1.0, 0.0)[:size]),
        interval((1.0, 1.0, 0.5)[:size], held),
        explained,
        renewals.line(load.seen(seen.moments, fit.numbers), seen.watts)[1],
    )


def _as_likely_whole(fit: Found, predict: Predict, seen: Renewals, repeated: float) -> bool:
    """True if a window as long as the update explains the values about as well.

    Noise may make a slow rise and a short window look like it; nobody is to be called blind
    for that.
    """
    assert seen.update_s is not None  # there is an update to be as long as
    update, (delay, rise, size) = seen.update_s.value, fit.numbers
    middle = max(delay + (size - update) / 2, 0.0)

    def wholly(numbers: Sequence[float]) -> List[float]:
        return predict([numbers[0], numbers[1], update])

    whole = _fitted(wholly, seen, [(middle, rise), (middle, 0.0)])
    return whole.squares <= fit.squares * (1.0 + UNLIKELY * repeated / len(fit.left))


def _repeated(left: Sequence[float]) -> float:
    """How many values in a row tell the same: from the correlation of neighbours, at least 1."""
    total = least_squares.dot(left, left)
    along = least_squares.dot(left[1:], left[:-1]) / total if total > 0.0 else 0.0
    along = min(max(along, 0.0), 0.95)
    return (1 + along) / (1 - along)


def _without_mean(values: Sequence[float]) -> List[float]:
    middle = sum(values) / len(values)
    return [value - middle for value in values]
