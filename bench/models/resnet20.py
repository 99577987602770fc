"""ResNet-20 for small pictures (He et al., 2016, arXiv:1512.03385, section 4.2).

Shortcut "B" is the variant of open_lth; the paper's "A" has 269 722 parameters.
"""

from edgejoule.bench.architectures.cifar_resnets import CifarResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 272474
MACS = 40813184


def build(classes=10, channels=3, *, shortcut="B", widths=(16, 32, 64)):
    """Three blocks a stage; `shortcut` "A" pads with zeros, "B" is a 1 x 1 convolution."""
    return CifarResNet(3, classes, channels, shortcut=shortcut, widths=widths)
