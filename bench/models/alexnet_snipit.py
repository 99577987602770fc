"""AlexNet of SNIP-it for small pictures (arXiv:2006.00896, appendix L)."""

from torch import nn

from edgejoule.bench.architectures import snipit

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 28275530
MACS = 232910848


def build(
    classes: int = 10, channels: int = 3, *, slope: float = 0.05, dropout: float = 0.3
) -> nn.Module:
    """Five convolutions and two hidden layers of 4096."""
    style = snipit.Style(slope, dropout)
    features = (
        snipit.convolution(channels, 64, 5, 2, style)
        + [nn.MaxPool2d(3, 2)]
        + snipit.convolution(64, 192, 5, 2, style)
        + [nn.MaxPool2d(3, 2)]
        + snipit.convolutions((192, 384, 256, 512), style)
    )
    return snipit.network(features, 2, (2048, 4096, 4096, classes), style)
