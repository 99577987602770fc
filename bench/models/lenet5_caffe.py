"""LeNet-5-Caffe, as SNIP prunes it (Lee et al., 2019, arXiv:1810.02340)."""

from torch import nn

from edgejoule.bench.architectures import activations, weights

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 431080
MACS = 2293000


def build(classes: int = 10, channels: int = 1, *, slope: float = 0.0) -> nn.Module:
    """Two 5 x 5 convolutions without activation and two linear layers for 28 x 28 pictures."""
    return weights.variance_scaling(
        nn.Sequential(
            nn.Conv2d(channels, 20, 5),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 50, 5),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(800, 500),
            activations.relu(slope),
            nn.Linear(500, classes),
        )
    )
