"""WRN-22-8 for CIFAR (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

SNIP prunes it (arXiv:1810.02340).
"""

from edgejoule.bench.architectures.wide_resnets import WideResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 17158106
MACS = 2454115328


def build(classes=10, channels=3):
    """Three pre-activation blocks a stage, eight times as wide."""
    return WideResNet(22, 8, classes, channels)
