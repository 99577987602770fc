"""VGG16 of SNIP-it for small pictures (arXiv:2006.00896, appendix L)."""

from torch import nn

from edgejoule.bench.architectures import snipit

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 50703946
MACS = 356229120
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))


def build(
    classes: int = 10, channels: int = 3, *, slope: float = 0.05, dropout: float = 0.3
) -> nn.Module:
    """Thirteen convolutions, the last of 1024 channels, and two hidden layers of 4096."""
    style = snipit.Style(slope, dropout)
    features, inputs = [], channels
    for widths in STAGES:
        features += snipit.convolutions((inputs,) + widths, style) + [nn.MaxPool2d(2)]
        inputs = widths[-1]
    features += snipit.convolutions((inputs, 512, 512, 1024), style)
    return snipit.network(features, 2, (4096, 4096, 4096, classes), style)
