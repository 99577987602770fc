"""Gradients of the loss over a scoring set, for every method that needs them.

The loss is the mean cross-entropy. Batch norms are in eval mode unless asked otherwise; either way
the model keeps its modes, buffers and `.grad`.
"""

from contextlib import contextmanager
from typing import List, Tuple

import torch
from torch import Tensor
from torch.nn import functional


def mean_gradients(
    model, batches, tensors: List[Tensor], train_mode: bool = False
) -> Tuple[List[Tensor], float]:
    """Gradients of the mean loss over all images with respect to `tensors`, and that loss."""
    total, loss_sum, images = None, 0.0, sum(len(y) for _, y in batches)
    if not images:
        raise ValueError("no images to take gradients on")
    with standing(model, train_mode):
        for x, y in batches:
            loss = functional.cross_entropy(model(x), y, reduction="sum") / images
            found = torch.autograd.grad(loss, tensors, allow_unused=True)
            found = [torch.zeros_like(t) if g is None else g for g, t in zip(found, tensors)]
            total = found if total is None else [a + b for a, b in zip(total, found)]
            loss_sum += float(loss.detach())
    return total, loss_sum


@contextmanager
def standing(model, train_mode: bool):
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
            for module, name, value in buffers:  # old batch norms replace their counter
                module._buffers[name].copy_(value)
