"""WRN-16-8 for CIFAR (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

SNIP prunes it (arXiv:1810.02340).
"""

from edgejoule.bench.architectures.wide_resnets import WideResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 10961370
MACS = 1548145664


def build(classes=10, channels=3):
    """Two pre-activation blocks a stage, eight times as wide."""
    return WideResNet(16, 8, classes, channels)
