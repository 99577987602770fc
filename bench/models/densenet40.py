"""DenseNet-40 for CIFAR, growth 12 (Huang et al., 2017, arXiv:1608.06993)."""

from torch import nn

from edgejoule.bench.architectures.densenets import DenseNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 1059298
MACS = 282917328


def build(
    classes: int = 10, channels: int = 3, *, growth: int = 12, slope: float = 0.0
) -> nn.Module:
    """Three blocks of twelve layers."""
    return DenseNet(12, growth, classes, channels, slope)
