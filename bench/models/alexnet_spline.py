"""AlexNet for CIFAR of the max-affine spline paper's figure 5, two groups as in the original."""

from torch import nn

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 23357514
MACS = 31458432


def build(classes=10, channels=3):
    """Five convolutions, batch norms in place of response normalisation, three linear layers."""

    def conv(inputs, outputs, *geometry, groups=1):
        return [
            nn.Conv2d(inputs, outputs, *geometry, groups=groups),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
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
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, classes),
    )
