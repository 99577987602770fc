"""LSTM-b of SNIP, which reads MNIST row by row (Lee et al., 2019, arXiv:1810.02340)."""

from torch import nn

from edgejoule.bench.architectures.row_networks import RowNetwork

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
PARAMETERS = 536330
MACS = 14883328


def build(classes=10, channels=1, *, side=28):
    """One LSTM layer of 256 units on rows of `side` pixels."""
    return RowNetwork(nn.LSTM, 256, classes, channels, side)
