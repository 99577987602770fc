"""LeNet5 of SNIP-it (Verdenius et al., 2020, arXiv:2006.00896, appendix L)."""

from torch import nn

from edgejoule.bench.architectures import snipit

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 143098
MACS = 1089960


def build(
    classes: int = 10, channels: int = 3, *, slope: float = 0.05, dropout: float = 0.3
) -> nn.Module:
    """Three 5 x 5 convolutions and two linear layers."""
    style = snipit.Style(slope, dropout)
    features = (
        snipit.convolution(channels, 6, 5, 2, style)
        + [nn.MaxPool2d(2)]
        + snipit.convolution(6, 16, 5, 0, style)
        + [nn.MaxPool2d(2)]
        + snipit.convolution(16, 120, 5, 0, style)
    )
    return snipit.network(features, 3, (1080, 84, classes), style)
