"""Adam: steps of the running mean of the gradient over the root of its running square."""

from typing import Iterable, Sequence

from torch import nn, optim


def build(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float = 0.001,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> optim.Optimizer:
    """torch's Adam over the parameters; weight decay is a part of the gradient."""
    first, second = betas
    return optim.Adam(parameters, learning_rate, (first, second), eps, weight_decay, amsgrad)
