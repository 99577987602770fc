"""One learning rate throughout."""

EVERY = None


def rate(highest: float, done: int, length: int) -> float:
    """The learning rate, wherever it is asked for."""
    return highest
