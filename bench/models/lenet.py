"""LeNet with 3 x 3 convolutions, of the study of iterative pruning and reinitialisation."""

from torch import nn

from edgejoule.bench.architectures import activations

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 60074
MACS = 199968


def build(classes: int = 10, channels: int = 1, *, slope: float = 0.0) -> nn.Module:
    """Two convolutions and three linear layers for 28 x 28 pictures."""
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3),
        activations.relu(slope),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 3),
        activations.relu(slope),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        activations.relu(slope),
        nn.Linear(120, 84),
        activations.relu(slope),
        nn.Linear(84, classes),
    )
