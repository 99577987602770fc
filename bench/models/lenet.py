"""LeNet with 3 x 3 convolutions, of the study of iterative pruning and reinitialisation."""

from torch import nn

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 60074
MACS = 199968


def build(classes: int = 10, channels: int = 1) -> nn.Module:
    """Two convolutions and three linear layers for 28 x 28 pictures."""
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )
