"""Early-bird tickets: when training has settled enough to prune.

A watch is told how far every new state is from the latest ones and fires when they agree.
- `queue_consecutive`: max-affine spline insights (2021), algorithm 1: distances of sign codes of
  consecutive epochs in a queue of two, fire when both are below 0.15.
- `lookback_max`: the same authors' code: the new epoch against each of the last three, below 0.16.
- `mask_distance`: You et al., 2020, arXiv:1909.11957: the newest pruning mask against each of the
  last four, not above 0.1.
The rules work on distances alone, whatever the states are. `Memory` keeps states and compares them;
who already knows how far each state is from the one before (`prune.signcodes.code_stream`) needs
none for a rule of consecutive states.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, List, NamedTuple, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from edgejoule.prune.mask import Mask


class Ticket(NamedTuple):
    """A drawn mask and the distances that led to it.

    `epoch` is the number of epochs trained when it was drawn, None if the search never settled.
    `distances` has one entry per observation: what the rule held against the threshold for that
    observation alone, None while there was nothing to compare with.
    """

    mask: Optional["Mask"]
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


class Memory:
    """The latest `length` states, compared by `distance(newer, older)`."""

    def __init__(self, length: int, distance: Callable[[Any, Any], float]):
        self.distance = distance
        self._states: Deque[Any] = deque(maxlen=length)

    def see(self, state: Any) -> List[float]:
        """Distances of the newest state to those before it, oldest first."""
        apart = [self.distance(state, old) for old in self._states]
        self._states.append(state)
        return apart


class Watch:
    """Remembers the latest distances and what was held against the threshold at every state.

    Raises:
        ValueError: the rule compares nothing, or its threshold is no share from 0 to 1.
    """

    def __init__(self, rule: Rule):
        if rule.length < 1 or not 0 <= rule.threshold <= 1:
            raise ValueError(
                "detector {}: queue={!r} and epsilon={!r}; a queue has at least one "
                "distance and distances are shares from 0 to 1".format(
                    rule.name, rule.length, rule.threshold
                )
            )
        self.rule = rule
        self.distances: List[Optional[float]] = []
        self._queue: Deque[float] = deque(maxlen=rule.length)

    def see(self, apart: Sequence[float]) -> bool:
        """True if the training has settled; `apart` is how far a new state is from older ones.

        That is the state before (nothing at the first), or, for a rule that looks back, each of the
        `length` before it, as many as there are.
        """
        self.distances.append(max(apart) if apart else None)
        self._queue.extend(apart)
        held = apart if self.rule.lookback else self._queue
        return len(held) == self.rule.length and self._below(max(held))

    def ticket(self, mask: Optional["Mask"], epoch: Optional[int]) -> Ticket:
        """The ticket drawn now; `epoch` None if the search ended without one."""
        return Ticket(mask, epoch, tuple(self.distances), self.rule.name, self.rule.threshold)

    def _below(self, distance: float) -> bool:
        # Early-Bird's code goes on searching above its threshold, the spline paper at it too
        if self.rule.inclusive:
            return distance <= self.rule.threshold
        return distance < self.rule.threshold
