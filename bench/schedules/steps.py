"""A learning rate that falls at milestones, which are shares of the length."""

from typing import Sequence

EVERY = "epoch"


def rate(
    highest: float,
    done: int,
    length: int,
    *,
    milestones: Sequence[float] = (0.5, 0.75),
    decay: float = 0.1,
) -> float:
    """`highest`, multiplied by `decay` at each milestone that is reached.

    Milestones are shares of the length, so that one setting fits trainings of any length.
    """
    passed = sum(done >= round(share * length) for share in milestones)
    return highest * decay**passed
