"""AlexNet-b of SNIP for CIFAR (Lee et al., 2019, arXiv:1810.02340)."""

from edgejoule.bench.architectures import snip

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 8501322
MACS = 73330688


def build(classes=10, channels=3):
    """Five convolutions of stride 2, two hidden layers of 2048."""
    return snip.alexnet(2, classes, channels)
