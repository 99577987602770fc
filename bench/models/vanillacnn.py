"""The vanilla CNN of the study of pruning's mechanism: no norm, no shortcut.

The study does not print its widths; three 3 x 3 convolutions of 16, 32 and 64 are our choice.
"""

from torch import nn

from edgejoule.bench.architectures import activations

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 24234
MACS = 2802304


def build(classes: int = 10, channels: int = 3, *, slope: float = 0.0) -> nn.Module:
    """Three convolutions with ReLU and pooling, their mean, one linear layer."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, 1, 1),
        activations.relu(slope),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, 1, 1),
        activations.relu(slope),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, 1, 1),
        activations.relu(slope),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, classes),
    )
