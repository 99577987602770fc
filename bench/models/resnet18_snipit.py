"""ResNet18 of SNIP-it, ImageNet's stem on small pictures (arXiv:2006.00896, appendix L)."""

from typing import List

from torch import nn

from edgejoule.bench.architectures import activations, snipit

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 11707978
MACS = 37538304


def build(
    classes: int = 10, channels: int = 3, *, slope: float = 0.05, dropout: float = 0.3
) -> nn.Module:
    """Eight basic blocks and one hidden layer of 256."""
    style = snipit.Style(slope, dropout)
    widths = (64, 64, 64, 128, 128, 256, 256, 512, 512)
    blocks: List[nn.Module] = [
        snipit.BasicBlock(inputs, outputs, 1 if inputs == outputs else 2, style)
        for inputs, outputs in zip(widths, widths[1:])
    ]
    stem: List[nn.Module] = [
        nn.Conv2d(channels, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        activations.relu(slope),
        nn.MaxPool2d(3, 2, 1),
    ]
    return snipit.network(stem + blocks, 2, (2048, 256, classes), style)
