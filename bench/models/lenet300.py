"""LeNet-300-100, two hidden layers (LeCun et al., 1998, Gradient-based learning)."""

from torch import nn

from edgejoule.bench.architectures import activations

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 266610
MACS = 266200


def build(classes: int = 10, channels: int = 1, *, side: int = 28, slope: float = 0.0) -> nn.Module:
    """A network for pictures of side x side pixels."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * side * side, 300),
        activations.relu(slope),
        nn.Linear(300, 100),
        activations.relu(slope),
        nn.Linear(100, classes),
    )
