"""How long a training is, in epochs and in steps. Free of torch."""

import math
from typing import Any, Mapping, NamedTuple


class Length(NamedTuple):
    """A whole training: its epochs, the steps of each, and how many the last one lacks."""

    epochs: int
    per_epoch: int  # steps
    short: int = 0  # a training of so many steps may end within an epoch

    def schedule(self, total: int) -> int:
        """Steps of a schedule of `total` epochs; one that ends as a whole training does is cut."""
        return total * self.per_epoch - (0 if total % self.epochs else self.short)

    def of_epoch(self, epoch: int, total: int) -> int:
        """Steps of one epoch of a schedule of `total` epochs, counted from 0."""
        return min(self.per_epoch, self.schedule(total) - epoch * self.per_epoch)


def length(settings: Mapping[str, Any], images: int) -> Length:
    """The length of a training with the train section of a case, on so many images."""
    trained = images - held_out(images, settings["validation"])
    per_epoch = max(1, math.ceil(trained / settings["batch_size"]))
    if not settings["steps"]:
        return Length(settings["epochs"], per_epoch)
    epochs = math.ceil(settings["steps"] / per_epoch)
    return Length(epochs, per_epoch, epochs * per_epoch - settings["steps"])


def held_out(images: int, share: float) -> int:
    """How many of the training images validate: at least one, unless the share is 0."""
    return min(images - 1, max(1, round(share * images))) if share else 0
