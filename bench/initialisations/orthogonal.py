"""Orthogonal: rows (or columns, where they are fewer) at right angles, all of norm `gain`.

Saxe et al. (2014, arXiv:1312.6120); a filter is one row. Biases 0.
"""

from torch import nn

from edgejoule.bench.architectures import weights

TRAINS = False


def initialise(model: nn.Module, *, gain: float = 1.0) -> nn.Module:
    """The model with new weights."""
    for weight in weights.matrices(model):
        nn.init.orthogonal_(weight, gain)
    return weights.zero_biases(model)
