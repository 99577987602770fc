"""Recurrent networks, attention and mixers."""

from typing import Any, Type

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import Net, conv_bn, named


class RnnHead(nn.Module):
    """A convolution's columns read by a recurrent layer."""

    def __init__(self, kind: Type[nn.Module] = nn.GRU, **settings: Any) -> None:
        super().__init__()
        self.a = conv_bn(3, 8)
        self.rnn = kind(8 * 4, 12, batch_first=True, **settings)
        # both directions' states lie side by side
        self.fc = nn.Linear(12 * (2 if settings.get("bidirectional") else 1), 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.a(x), 4).permute(0, 3, 1, 2).flatten(2)
        return self.fc(self.rnn(x)[0][:, -1])


class LastState(nn.Module):
    """The last hidden state instead of the outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.fc = nn.LSTM(6, 10), nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, _) = self.rnn(x.transpose(0, 1))
        return self.fc(hidden[-1])


class CellLoop(nn.Module):
    """A cell called step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.fc = nn.GRUCell(6, 10), nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.zeros(x.shape[0], self.cell.hidden_size, dtype=x.dtype)
        for step in x.unbind(1):
            hidden = self.cell(step, hidden)
        return self.fc(hidden)


class Projected(nn.Module):
    """An LSTM with projected states: no rule for it, so it stays whole."""

    def __init__(self) -> None:
        super().__init__()
        self.lead, self.rnn, self.fc = (
            nn.Linear(6, 9),
            nn.LSTM(9, 10, proj_size=7, batch_first=True),
            nn.Linear(7, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(self.lead(x))[0][:, -1])


class Mha(nn.Module):
    """torch's attention module over a residual stream with a LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.lead, self.norm = nn.Linear(6, 16), nn.LayerNorm(16)
        self.attend, self.fc = nn.MultiheadAttention(16, 4), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.lead(x).transpose(0, 1)
        y = self.norm(x)
        return self.fc((x + self.attend(y, y, y)[0]).mean(0))


class ManualAttention(nn.Module):
    """qkv in one linear layer, split by reshape; the scale is read off the stream."""

    def __init__(self, flat: bool) -> None:
        super().__init__()
        self.flat, self.norm, self.lead = flat, nn.LayerNorm(16), nn.Linear(6, 16)
        self.qkv, self.out, self.fc = nn.Linear(16, 48), nn.Linear(16, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.lead(x))
        n, t, c = x.shape
        # four heads; a channel leaves those of q, k and v alike, so that they stay as wide
        q, k, v = self.qkv(x).reshape(n, t, 3, 4, -1).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1) * (c // 4) ** -0.5).softmax(-1)
        y = (scores @ v).transpose(1, 2)
        y = y.reshape(n, t, -1) if self.flat else y.reshape(n, t, c)
        return self.fc((x + self.out(y)).mean(1))


class Encoder(nn.Module):
    """A transformer encoder layer: its inner linear layers can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.lead, self.layer = nn.Linear(6, 16), nn.TransformerEncoderLayer(16, 4, 24, dropout=0.0)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer(self.lead(x)).mean(1))


class Mixer(nn.Module):
    """MLP-Mixer: tokens are mixed by a linear layer over the transposed map."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 4, stride=4)
        # over the 4 x 4 patches; it runs on every channel's row
        self.tokens = nn.Sequential(nn.Linear(16, 10), nn.GELU(), nn.Linear(10, 16))
        self.channels = nn.Sequential(nn.Linear(16, 20), nn.GELU(), nn.Linear(20, 16))
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2)
        x = x + self.tokens(x)
        x = x.transpose(1, 2)
        return self.fc((x + self.channels(x)).mean(1))


class ConvnextBlock(nn.Module):
    """Depthwise convolution, LayerNorm over channels last, inner linear layers, layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depth = (
            nn.Conv2d(3, 16, 2, stride=2),
            nn.Conv2d(16, 16, 7, padding=3, groups=16),
        )
        self.norm, self.up, self.down = nn.LayerNorm(16), nn.Linear(16, 40), nn.Linear(40, 16)
        self.gamma, self.fc = nn.Parameter(0.1 * torch.ones(16)), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        return self.fc((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


class TextConv(nn.Module):
    """Embedded words under convolutions of several lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 12)
        self.convs = nn.ModuleList([nn.Conv1d(12, 8, k) for k in (2, 3, 4)])
        self.fc = nn.Linear(24, 5)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words).transpose(1, 2)
        return self.fc(torch.cat([F.relu(conv(x)).max(dim=2)[0] for conv in self.convs], 1))


class ShiftedWindows(nn.Module):
    """Swin's cyclic shift and window views, with a norm that can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix, self.out = conv_bn(3, 12), nn.Linear(12, 20), nn.Linear(20, 12)
        self.fc = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.roll(self.stem(x).permute(0, 2, 3, 1), shifts=(-2, -2), dims=(1, 2))
        n, h, w, c = x.shape
        # windows of 4 x 4 pixels, one after the other in the batch
        x = x.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        x = self.out(F.relu(self.mix(x)))
        return self.fc(x.view(n, -1, x.shape[-1]).mean(1))


def _word_numbers(batch: int, dtype: torch.dtype, draw: torch.Generator) -> Tensor:
    return torch.randint(0, 30, (batch, 9), generator=draw)  # whatever the weights' dtype is


NETS = named(LastState, CellLoop, Encoder, shape=(7, 6))
NETS.update(named(Projected, Mha, shape=(7, 6), whole=True))
NETS.update(named(Mixer, per_channel=True))
NETS.update(named(ConvnextBlock, ShiftedWindows))
NETS.update(
    {
        "gru_head": Net(RnnHead),
        "lstm_head": Net(lambda: RnnHead(nn.LSTM)),
        "rnn_head": Net(lambda: RnnHead(nn.RNN)),
        "lstm_deep_both": Net(lambda: RnnHead(nn.LSTM, num_layers=2, bidirectional=True)),
        "manual_attn": Net(lambda: ManualAttention(False), (7, 6), whole=True),
        "manual_attn_flat": Net(lambda: ManualAttention(True), (7, 6)),
        "text_conv": Net(TextConv, inputs=_word_numbers),
    }
)
