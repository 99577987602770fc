"""FCNet, one hidden layer on points of the plane: the max-affine spline paper's first network."""

from torch import nn

from edgejoule.bench.architectures import activations

INPUT_SHAPE = (2, 1, 1)
CLASSES = 2
PARAMETERS = 102
MACS = 80


def build(classes: int = 2, channels: int = 2, *, width: int = 20, slope: float = 0.0) -> nn.Module:
    """Points [n, channels, 1, 1] to logits; each hidden unit is a line in the plane."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(channels, width), activations.relu(slope), nn.Linear(width, classes)
    )
