"""ResNet-56 for small pictures (He et al., 2016, arXiv:1512.03385, section 4.2).

Shortcut "A" pads with zeros as in the paper; HRank (arXiv:2002.10179) prunes this variant.
"""

from edgejoule.bench.architectures.cifar_resnets import CifarResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 853018
MACS = 125485696


def build(classes=10, channels=3, *, shortcut="A", widths=(16, 32, 64)):
    """Nine blocks a stage; `shortcut` "A" pads with zeros, "B" is a 1 x 1 convolution."""
    return CifarResNet(9, classes, channels, shortcut=shortcut, widths=widths)
