"""PreResNet-101 for CIFAR: depth 9 * 11 + 2, bottlenecks (He et al., 2016, arXiv:1603.05027)."""

from edgejoule.bench.architectures.preact_resnets import PreactResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 1054106
MACS = 154061312


def build(classes=10, channels=3):
    """Eleven blocks a stage."""
    return PreactResNet(11, classes, channels)
