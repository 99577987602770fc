"""AlexNet for CIFAR of the max-affine spline paper's figure 5, two groups as in the original."""

from typing import List

from torch import nn

from edgejoule.bench.architectures import activations

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 23357514
MACS = 31458432


def build(classes: int = 10, channels: int = 3, *, slope: float = 0.0) -> nn.Module:
    """Five convolutions, batch norms in place of response normalisation, three linear layers."""

    def conv(
        inputs: int, outputs: int, kernel: int, stride: int, padding: int = 0, groups: int = 1
    ) -> List[nn.Module]:
        return [
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups),
            nn.BatchNorm2d(outputs),
            activations.relu(slope),
        ]

    return nn.Sequential(
        *conv(channels, 96, 11, 4),
        nn.MaxPool2d(3, 2),
        *conv(96, 256, 5, 1, 2, groups=2),
        *conv(256, 384, 3, 1, 1),
        *conv(384, 384, 3, 1, 1, groups=2),
        *conv(384, 256, 3, 1, 1, groups=2),
        nn.Flatten(),
        nn.Linear(1024, 4096),
        activations.relu(slope),
        nn.Linear(4096, 4096),
        activations.relu(slope),
        nn.Linear(4096, classes),
    )
