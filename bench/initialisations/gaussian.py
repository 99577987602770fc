"""Gaussian: weights N(0, deviation^2) in every layer, whatever its size, and biases 0."""

from torch import nn

from edgejoule.bench.architectures import weights

TRAINS = False


def initialise(model: nn.Module, *, deviation: float = 0.1) -> nn.Module:
    """The model with new weights."""
    for weight in weights.matrices(model):
        weights.draw(weight, deviation, "normal")
    return weights.zero_biases(model)
