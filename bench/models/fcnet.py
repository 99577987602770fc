"""FCNet, one hidden layer on points of the plane: the max-affine spline paper's first network."""

from torch import nn

INPUT_SHAPE = (2, 1, 1)
CLASSES = 2
PARAMETERS = 102
MACS = 80


def build(classes=2, channels=2, *, width=20):
    """Points [n, channels, 1, 1] to logits; each hidden unit is a line in the plane."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, classes)
    )
