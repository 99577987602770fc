"""WRN-16-4 for CIFAR (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

RigL prunes it (arXiv:1911.11134).
"""

from edgejoule.bench.architectures.wide_resnets import WideResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 2748890
MACS = 392612352


def build(classes=10, channels=3):
    """Two pre-activation blocks a stage, four times as wide."""
    return WideResNet(16, 4, classes, channels)
