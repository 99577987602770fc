"""Recurrent networks of SNIP, which read MNIST row by row (Lee et al., 2019, arXiv:1810.02340)."""

from torch import nn

from edgejoule.bench.architectures.row_networks import RowNetwork

INPUT_SHAPE = (1, 28, 28)
CLASSES = 10
MEMBERS = {
    "lstm_s": {"cell": "lstm", "hidden": 128, "PARAMETERS": 137098, "MACS": 3771648},
    "lstm_b": {"cell": "lstm", "hidden": 256, "PARAMETERS": 536330, "MACS": 14883328},
    "gru_s": {"cell": "gru", "hidden": 128, "PARAMETERS": 104074, "MACS": 2854144},
    "gru_b": {"cell": "gru", "hidden": 256, "PARAMETERS": 404746, "MACS": 11213312},
}


CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


def build(classes: int, channels: int, cell: str, hidden: int, *, side: int = 28) -> nn.Module:
    """One recurrent layer of `hidden` units on rows of `side` pixels."""
    return RowNetwork(CELLS[cell], hidden, classes, channels, side)
