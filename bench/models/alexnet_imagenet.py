"""AlexNet for ImageNet, torchvision's geometry (Krizhevsky, 2014, arXiv:1404.5997)."""

from torch import nn

from edgejoule.bench.architectures import imagenet_chains

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 61100840
MACS = 714188480


def build(classes: int = 1000, channels: int = 3) -> nn.Module:
    """Five convolutions and three linear layers, no batch norm."""
    return imagenet_chains.alexnet(classes, channels)
