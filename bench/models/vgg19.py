"""VGG-19 for CIFAR, one linear layer on 512 channels (Liu et al., 2017, arXiv:1708.06519)."""

from edgejoule.bench.architectures.vggs import Vgg

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 20035018
MACS = 398136320
PLAN = (
    64,
    64,
    "M",
    128,
    128,
    "M",
    256,
    256,
    256,
    256,
    "M",
    512,
    512,
    512,
    512,
    "M",
    512,
    512,
    512,
    512,
)


def build(classes=10, channels=3):
    """Sixteen 3 x 3 convolutions without bias, each with its batch norm."""
    return Vgg(PLAN, classes, channels)
