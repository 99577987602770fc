"""VGG-11 for ImageNet, torchvision's geometry (arXiv:1409.1556, table 1, column A)."""

from typing import Optional

from torch import nn

from edgejoule.bench.architectures import imagenet_chains

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 132863336
MACS = 7609090048
PLAN = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")


def build(
    classes: int = 1000,
    channels: int = 3,
    *,
    slope: float = 0.0,
    dropout: float = 0.5,
    outputs: Optional[int] = None,
) -> nn.Module:
    """Eight convolutions and three linear layers, no batch norm.

    With `outputs` 1000 the last layer stays as ImageNet has it, whatever the classes are: the study
    of iterative pruning and masks trains VGG-11 so on CIFAR-10, and counts its parameters so.
    """
    style = imagenet_chains.Style(slope, dropout)
    return imagenet_chains.vgg(PLAN, outputs or classes, channels, style)
