"""Early-bird tickets: when training has settled enough to prune.

A watch compares every new state of the training with the latest ones and fires when they agree.
- `queue_consecutive`: max-affine spline insights (2021), algorithm 1: distances of sign codes of
  consecutive epochs in a queue of two, fire when both are below 0.15.
- `lookback_max`: the same authors' code: the new epoch against each of the last three, below 0.16.
- `mask_distance`: You et al., 2020, arXiv:1909.11957: the newest pruning mask against each of the
  last four, not above 0.1.
The rules do not know what they compare; a state is anything that `distance(a, b)` takes.
"""
from collections import deque
from typing import Callable, NamedTuple, Optional, Tuple


class Ticket(NamedTuple):
    """A drawn mask and the distances that led to it.

    `epoch` is the number of epochs trained when it was drawn, None if the search never settled.
    `distances` has one entry per observation: what the rule held against the threshold for that
    observation alone, None while there was nothing to compare with.
    """

    mask: Optional[dict]
    epoch: Optional[int]
    distances: Tuple[Optional[float], ...]
    detector: str
    threshold: float


class Rule(NamedTuple):
    """`length` distances must be below (or equal, if `inclusive`) the threshold.

    They are those of the last `length` consecutive pairs, or (`lookback`) those of the newest
    state to each of the `length` before it.
    """

    name: str
    length: int
    threshold: float
    lookback: bool = False
    inclusive: bool = False


def queue_consecutive(length: int = 2, epsilon: float = 0.15) -> Rule:
    """Algorithm 1 of the spline paper."""
    return Rule("queue_consecutive", length, epsilon)


def lookback_max(length: int = 3, epsilon: float = 0.16) -> Rule:
    """What the spline paper's code does."""
    return Rule("lookback_max", length, epsilon, lookback=True)


def mask_distance(length: int = 4, epsilon: float = 0.1) -> Rule:
    """Early-Bird's rule; five masks, the first drawn before training."""
    return Rule("mask_distance", length, epsilon, lookback=True, inclusive=True)


class Watch:
    """Remembers the latest states and every distance seen."""

    def __init__(self, rule: Rule, distance: Callable):
        if rule.length < 1 or not 0 <= rule.threshold <= 1:
            raise ValueError("detector {}: queue={!r} and epsilon={!r}; a queue has at least one "
                             "distance and distances are shares from 0 to 1".format(
                                 rule.name, rule.length, rule.threshold))
        self.rule, self.distance, self.distances = rule, distance, []
        self._states = deque(maxlen=rule.length if rule.lookback else 1)
        self._queue = deque(maxlen=rule.length)

    def see(self, state) -> bool:
        """True if the training has settled, by this state and those before it."""
        apart = [self.distance(state, old) for old in self._states]
        self.distances.append(max(apart) if apart else None)
        self._states.append(state)
        self._queue.extend(apart)
        if self.rule.lookback:
            return len(apart) == self.rule.length and self._below(apart)
        return len(self._queue) == self.rule.length and self._below(self._queue)

    def ticket(self, mask, epoch: Optional[int]) -> Ticket:
        """The ticket drawn now; `epoch` None if the search ended without one."""
        return Ticket(mask, epoch, tuple(self.distances), self.rule.name, self.rule.threshold)

    def _below(self, values) -> bool:
        if self.rule.inclusive:
            return max(values) <= self.rule.threshold
        return max(values) < self.rule.threshold
