"""Kaiming: variance gain^2 / fan (He et al., 2015, arXiv:1502.01852), biases 0.

The gain is that of a ReLU, the square root of 2, unless it is given.
"""

import math

from torch import nn

from edgejoule.bench.architectures import weights

TRAINS = False


def initialise(
    model: nn.Module, *, gain: float = 1.4142135623730951, fan: str = "in", draw: str = "normal"
) -> nn.Module:
    """The model with new weights; `fan` "in" keeps the size of activations, "out" of gradients."""
    for weight in weights.matrices(model):
        deviation = gain / math.sqrt(weights.fans(weight)[("in", "out").index(fan)])
        weights.draw(weight, deviation, draw)
    return weights.zero_biases(model)
