"""WRN-16-10 for CIFAR (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

SNIP prunes it (arXiv:1810.02340).
"""

from edgejoule.bench.architectures.wide_resnets import WideResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 17116634
MACS = 2412173568


def build(classes=10, channels=3):
    """Two pre-activation blocks a stage, ten times as wide."""
    return WideResNet(16, 10, classes, channels)
