"""Xavier: variance 2 gain^2 / (fan_in + fan_out) (Glorot and Bengio, 2010), biases 0."""

import math

from torch import nn

from edgejoule.bench.architectures import weights

TRAINS = False


def initialise(model: nn.Module, *, gain: float = 1.0, draw: str = "uniform") -> nn.Module:
    """The model with new weights; `draw` is "uniform", as in the paper, or "normal"."""
    for weight in weights.matrices(model):
        weights.draw(weight, gain * math.sqrt(2 / sum(weights.fans(weight))), draw)
    return weights.zero_biases(model)
