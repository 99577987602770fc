"""ResNet18 of SNIP-it, ImageNet's stem on small pictures (arXiv:2006.00896, appendix L)."""

from typing import List

from torch import nn

from edgejoule.bench.architectures.snipit import SLOPE, BasicBlock, network

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 11707978
MACS = 37538304


def build(classes: int = 10, channels: int = 3) -> nn.Module:
    """Eight basic blocks and one hidden layer of 256."""
    widths = (64, 64, 64, 128, 128, 256, 256, 512, 512)
    blocks: List[nn.Module] = [
        BasicBlock(inputs, outputs, 1 if inputs == outputs else 2)
        for inputs, outputs in zip(widths, widths[1:])
    ]
    stem: List[nn.Module] = [
        nn.Conv2d(channels, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(SLOPE),
        nn.MaxPool2d(3, 2, 1),
    ]
    return network(stem + blocks, 2, (2048, 256, classes))
