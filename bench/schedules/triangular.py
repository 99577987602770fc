"""A learning rate that rises and falls along straight lines, once or in cycles."""

EVERY = "step"


def rate(
    highest: float,
    done: int,
    length: int,
    *,
    cycles: int = 1,
    lowest: float = 0.1,
    rise: float = 0.5,
) -> float:
    """From `lowest` x `highest` up to `highest` and down again, `cycles` times over the length.

    `rise` is the share of a cycle that goes up.
    """
    place = (done * cycles / length) % 1.0  # within its cycle
    height = place / rise if place < rise else (1 - place) / (1 - rise)
    return highest * (lowest + (1 - lowest) * height)
