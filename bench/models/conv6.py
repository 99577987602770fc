"""Conv6 of SNIP-it, after the lottery tickets' (arXiv:2006.00896, appendix L)."""

from torch import nn

from edgejoule.bench.architectures import snipit

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 1806666
MACS = 153422336


def build(
    classes: int = 10, channels: int = 3, *, slope: float = 0.05, dropout: float = 0.3
) -> nn.Module:
    """Six 3 x 3 convolutions and three linear layers."""
    style = snipit.Style(slope, dropout)
    features = (
        snipit.convolutions((channels, 64, 64), style)
        + [nn.MaxPool2d(2)]
        + snipit.convolutions((64, 128, 128), style)
        + [nn.MaxPool2d(2)]
        + snipit.convolutions((128, 256, 256), style)
    )
    return snipit.network(features, 3, (2304, 256, 256, classes), style)
