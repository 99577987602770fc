"""The activations that a suite may choose between, by their slope below zero."""

from torch import nn


def relu(slope: float = 0.0, inplace: bool = False) -> nn.Module:
    """The layer max(x, slope * x): a ReLU for slope 0, else a leaky ReLU."""
    # not a leaky ReLU of slope 0: FLOP counters, sign codes and exports know a ReLU by its class
    return nn.LeakyReLU(slope, inplace) if slope else nn.ReLU(inplace)
