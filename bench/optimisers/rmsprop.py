"""RMSprop: steps of the gradient over the root of its running square."""

from typing import Iterable

from torch import nn, optim


def build(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> optim.Optimizer:
    """torch's RMSprop over the parameters; weight decay is a part of the gradient."""
    return optim.RMSprop(parameters, learning_rate, alpha, eps, weight_decay, momentum, centered)
