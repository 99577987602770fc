"""Adam with weight decay apart from the gradient (AdamW)."""

from typing import Iterable, Sequence

from torch import nn, optim


def build(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float = 0.001,
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    amsgrad: bool = False,
) -> optim.Optimizer:
    """torch's AdamW over the parameters; each step shrinks the weights by rate x decay."""
    first, second = betas
    return optim.AdamW(
        parameters, learning_rate, (first, second), eps, weight_decay, amsgrad=amsgrad
    )
