"""Adagrad: steps of the gradient over the root of the sum of all its squares so far."""

from typing import Iterable

from torch import nn, optim


def build(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float = 0.01,
    rate_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator: float = 0.0,
    eps: float = 1e-10,
) -> optim.Optimizer:
    """torch's Adagrad over the parameters; weight decay is a part of the gradient.

    `rate_decay` divides the rate by 1 + rate_decay x steps so far, besides the schedule.
    """
    return optim.Adagrad(
        parameters, learning_rate, rate_decay, weight_decay, initial_accumulator, eps
    )
