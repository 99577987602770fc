"""AlexNet for ImageNet, torchvision's geometry (Krizhevsky, 2014, arXiv:1404.5997)."""

from typing import Optional

from torch import nn

from edgejoule.bench.architectures import imagenet_chains

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 61100840
MACS = 714188480


def build(
    classes: int = 1000,
    channels: int = 3,
    *,
    slope: float = 0.0,
    dropout: float = 0.5,
    outputs: Optional[int] = None,
) -> nn.Module:
    """Five convolutions and three linear layers, no batch norm.

    With `outputs` 1000 the last layer stays as ImageNet has it, whatever the classes are: the study
    of iterative pruning and masks trains AlexNet so on CIFAR-10, and counts its parameters so.
    """
    style = imagenet_chains.Style(slope, dropout)
    return imagenet_chains.alexnet(outputs or classes, channels, style)
