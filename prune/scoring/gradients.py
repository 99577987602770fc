"""Gradients of the loss over a scoring set, for every method that needs them.

The loss is the mean cross-entropy. Batch norms are in eval mode unless asked otherwise; either way
the model keeps its modes, buffers and `.grad`.
"""

from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.trainer import Batches

Loss = Callable[[Tensor, Tensor], Tensor]  # outputs [n, classes], labels [n] -> sum over images


def mean_gradients(
    model: nn.Module,
    batches: Batches,
    tensors: Sequence[Tensor],
    train_mode: bool = False,
    loss_of: Optional[Loss] = None,
) -> Tuple[List[Tensor], float]:
    """Gradients of the mean loss over all images with respect to `tensors`, and that loss.

    `loss_of` sums a loss over a batch; None is the cross-entropy.

    Raises:
        ValueError: there is no image in the batches.
    """
    total: List[Tensor] = []
    loss_sum, images = 0.0, sum(len(y) for _, y in batches)
    if not images:
        raise ValueError("no images to take gradients on")
    with in_mode(model, train_mode):
        for x, y in batches:
            # divided by all images, not by the batch's: a short last batch then weighs less
            loss = (loss_of or cross_entropy)(model(x), y) / images
            given = torch.autograd.grad(loss, tensors, allow_unused=True)
            found = [torch.zeros_like(t) if g is None else g for g, t in zip(given, tensors)]
            total = [a + b for a, b in zip(total, found)] if total else found
            loss_sum += float(loss.detach())
    return total, loss_sum


def cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy, summed over the images."""
    return functional.cross_entropy(outputs, labels, reduction="sum")


@contextmanager
def in_mode(model: nn.Module, train_mode: bool) -> Iterator[None]:
    """Inside, every module trains or evaluates; afterwards modes and buffers are as before."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, value.clone())
        for module in model.modules()
        for name, value in module._buffers.items()
        if value is not None
    ]
    model.train(train_mode)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for module, name, value in buffers:
                # looked up again: torch 1.10's batch norms replace their counter of batches
                module.get_buffer(name).copy_(value)
