"""SimpleCNN, whose splines are drawn in the max-affine spline paper's figure 3.

The text says 20 filters, the authors' code 16: `width` is either.
"""

from torch import nn

from edgejoule.bench.architectures import activations

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 22110
MACS = 727680


def build(
    classes: int = 10, channels: int = 1, *, width: int = 20, side: int = 28, slope: float = 0.0
) -> nn.Module:
    """A 21 x 21 and a 5 x 5 convolution and one linear layer, for side x side pixels."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 21, bias=False),
        nn.BatchNorm2d(width),
        activations.relu(slope),
        nn.Conv2d(width, width, 5, bias=False),
        nn.BatchNorm2d(width),
        activations.relu(slope),
        nn.Flatten(),
        nn.Linear(width * (side - 24) ** 2, classes),
    )
