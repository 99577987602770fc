"""ResNet-32 of GraSP, twice as wide as the original (Wang et al., 2020, arXiv:2002.07376)."""

from edgejoule.bench.architectures.cifar_resnets import CifarResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 1860522
MACS = 275612928


def build(classes=10, channels=3):
    """Five blocks a stage of 32, 64 and 128 channels, shortcuts by 1 x 1 convolutions."""
    return CifarResNet(5, classes, channels, shortcut="B", widths=(32, 64, 128))
