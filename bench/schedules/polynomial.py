"""A learning rate that falls to nothing as a power of what is left."""

EVERY = "step"


def rate(highest: float, done: int, length: int, *, exponent: float = 1.0) -> float:
    """`highest` x (what is left of the length, a share) ^ `exponent`; 1 is a straight line."""
    return highest * (1 - done / length) ** exponent
