"""MobileNetV2 for ImageNet, torchvision's geometry (Sandler et al., 2018, arXiv:1801.04381)."""

from torch import nn

from edgejoule.bench.architectures.mobilenets import MobileNetV2

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 3504872
MACS = 300774272


def build(classes: int = 1000, channels: int = 3, *, dropout: float = 0.2) -> nn.Module:
    """Seventeen inverted residuals."""
    return MobileNetV2(classes, channels, dropout)
