"""Recurrent networks that read a picture row by row, as in SNIP (arXiv:1810.02340, table 2).

A linear layer on each row, one recurrent layer, and a linear layer on its last step. The paper's
cells have one bias vector, torch's have two that add up: each gate has `hidden` parameters more.
"""

from torch import Tensor, nn


class RowNetwork(nn.Module):
    """Logits [n, classes] from pictures [n, channels, h, side]; `cell` is nn.LSTM or nn.GRU."""

    def __init__(self, cell: type, hidden: int, classes: int, channels: int, side: int) -> None:
        super().__init__()
        self.rows = nn.Linear(channels * side, hidden)
        self.cell = cell(hidden, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.transpose(1, 2).flatten(2)  # [n, h, channels * side]
        return self.fc(self.cell(self.rows(rows))[0][:, -1])
