"""PreResNet-164 for CIFAR, network slimming's (Liu et al., 2017, arXiv:1708.06519)."""

from edgejoule.bench.architectures.preact_resnets import PreactResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 1703258
MACS = 247646720


def build(classes=10, channels=3):
    """Eighteen bottlenecks a stage: depth 9 * 18 + 2."""
    return PreactResNet(18, classes, channels)
