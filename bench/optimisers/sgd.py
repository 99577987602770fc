"""Stochastic gradient descent, with momentum and weight decay."""

from typing import Iterable

from torch import nn, optim


def build(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    nesterov: bool = False,
) -> optim.Optimizer:
    """torch's SGD over the parameters; weight decay is a part of the gradient."""
    return optim.SGD(
        parameters, learning_rate, momentum, weight_decay=weight_decay, nesterov=nesterov
    )
