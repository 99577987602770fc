"""MLP5 of SNIP-it (Verdenius et al., 2020, arXiv:2006.00896, appendix L)."""

from torch import nn

from edgejoule.bench.architectures import snipit, weights

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 1199114
MACS = 1192960


def build(
    classes: int = 10,
    channels: int = 1,
    *,
    side: int = 28,
    slope: float = 0.05,
    dropout: float = 0.3,
) -> nn.Module:
    """Four hidden layers of 512 for pictures of side x side pixels."""
    widths = (channels * side * side, 512, 512, 512, 512, classes)
    layers = snipit.linear(widths, snipit.Style(slope, dropout), dropout_first=False)
    return weights.orthogonal(nn.Sequential(nn.Flatten(), *layers), slope)
