"""A part of the training set that validates, and when its loss says that training may end."""

from typing import Callable, Iterable, Optional, Tuple

import torch
from torch import Tensor, nn

from edgejoule.bench.data import Batch
from edgejoule.bench.training.lengths import held_out


def parted(images: int, share: float, seed: int) -> Tuple[Tensor, Tensor]:
    """(indices to train on, indices that validate), both rising; drawn by chance with a seed."""
    drawn = torch.randperm(images, generator=torch.Generator().manual_seed(seed))
    count = held_out(images, share)
    return drawn[count:].sort()[0], drawn[:count].sort()[0]


def mean_loss(
    model: nn.Module,
    logits: Callable[[Tensor], Tensor],
    batches: Iterable[Batch],
    loss: Callable[[Tensor, Tensor], Tensor],
) -> float:
    """The mean over all images of `loss(logits, labels)`, itself a batch's mean; in eval mode.

    `logits(x)` are the model's answers.
    """
    model.eval()
    images, losses = 0, []
    with torch.no_grad():
        for x, y in batches:
            images += len(y)
            losses.append(loss(logits(x), y) * len(y))
    return float(torch.stack(losses).sum()) / images


class Patience:
    """Tells when a loss has not fallen below its lowest for so many epochs; 0: never."""

    def __init__(self, epochs: int) -> None:
        self._epochs, self._since = epochs, 0
        self._lowest = float("inf")

    def is_over(self, loss: Optional[float]) -> bool:
        """True if training may end after an epoch of this loss; None: it diverged."""
        if loss is not None and loss < self._lowest:
            self._lowest, self._since = loss, 0
        else:
            self._since += 1
        return 0 < self._epochs <= self._since
