"""AlexNet for ImageNet, torchvision's geometry (Krizhevsky, 2014, arXiv:1404.5997)."""

from edgejoule.bench.architectures import imagenet_chains

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 61100840
MACS = 714188480


def build(classes=1000, channels=3):
    """Five convolutions and three linear layers, no batch norm."""
    return imagenet_chains.alexnet(classes, channels)
