"""A learning rate that falls along half a cosine."""

import math

EVERY = "epoch"


def rate(highest: float, done: int, length: int, *, lowest: float = 0.0) -> float:
    """From `highest` at the start to `lowest` x `highest` at the end, steepest halfway."""
    fallen = (1 - math.cos(math.pi * done / length)) / 2
    return highest * (1 - (1 - lowest) * fallen)
