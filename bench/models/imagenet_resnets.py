"""Residual networks for ImageNet, torchvision's geometry (He et al., 2016, arXiv:1512.03385)."""

from typing import Sequence

from torch import nn

from edgejoule.bench.architectures.imagenet_resnets import BasicBlock, Bottleneck, ImagenetResNet

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
MEMBERS = {
    "resnet18": {
        "bottleneck": False,
        "stages": (2, 2, 2, 2),
        "PARAMETERS": 11689512,
        "MACS": 1814073344,
    },
    "resnet50": {
        "bottleneck": True,
        "stages": (3, 4, 6, 3),
        "PARAMETERS": 25557032,
        "MACS": 4089184256,
    },
}


def build(
    classes: int, channels: int, bottleneck: bool, stages: Sequence[int], *, slope: float = 0.0
) -> nn.Module:
    """Four stages of basic blocks, or of bottlenecks."""
    block = Bottleneck if bottleneck else BasicBlock
    return ImagenetResNet(block, stages, classes, channels, slope)
