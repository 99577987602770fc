"""Networks that take their channels apart and put them back: chunks, slices, groups, shuffles."""

from typing import Callable, Dict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import conv_bn, middle


class ChunkGlu(nn.Module):
    """Half of the channels gate the other half."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(12, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.a(x).chunk(2, dim=1)  # halves, wherever a cut puts the middle
        return self.b(value * torch.sigmoid(gate))


class FunctionalGlu(nn.Module):
    """The same by F.glu."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(12, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.glu(self.a(x), dim=1))


class SplitSizes(nn.Module):
    """Pieces of literal, unequal sizes: the layer before them stays."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv_bn(16, 32), conv_bn(8, 8), nn.Conv2d(32, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        few, many = torch.split(self.a(x), [8, 24], 1)
        return self.c(torch.cat([self.b(few), many], 1))


class SliceChannels(nn.Module):
    """The first 16 channels by a literal slice, then halves by the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv_bn(16, 24), conv_bn(16, 20), conv_bn(10, 16)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(self.a(x)[:, :16])  # a literal: of these 24 none may leave
        half = y.shape[1] // 2
        return self.c(y[:, :half] + y[:, half:])


class C2f(nn.Module):
    """YOLOv8: chunk into a list, append, concatenate."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 16, 1), conv_bn(32, 16, 1)
        self.blocks = nn.ModuleList([conv_bn(8, 8), conv_bn(8, 8)])

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.a(x).chunk(2, 1))
        parts.extend(block(parts[-1]) for block in self.blocks)
        return self.b(torch.cat(parts, 1))


class Shuffle(nn.Module):
    """ShuffleNet: grouped convolution, channel shuffle by views, residual."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(16, 16, 1, groups=2), nn.BatchNorm2d(16), nn.ReLU())
        self.b = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1, groups=16),
            nn.BatchNorm2d(16),
            nn.Conv2d(16, 16, 1, groups=2),
            nn.BatchNorm2d(16),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        n, c, h, w = y.shape
        # the channels of both groups are interleaved: they leave together
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        return F.relu(x + self.b(y))


class ShuffleUnit(nn.Module):
    """nn.ChannelShuffle by name."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 24, 1, groups=2), nn.Conv2d(24, 16, 1, groups=4)
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.shuffle(self.a(x)))


class PixelShuffle(nn.Module):
    """Four channels become four pixels, by name and by view."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv_bn(16, 32), nn.Conv2d(8, 24, 3, padding=1), conv_bn(6, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.b(F.pixel_shuffle(self.a(x), 2))
        n, c, h, w = x.shape
        # four neighbouring channels make one: they leave together
        x = x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, h * 2, w * 2)
        return self.c(x)


class PixelUnshuffle(nn.Module):
    """Focus / space to depth."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.down = conv_bn(16, 6), conv_bn(24, 16), nn.PixelUnshuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.down(self.a(x)))


def _grouped() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(16, 24, 3, groups=4), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 16, 1)
    )


def _depthwise(multiplier: int) -> Callable[[], nn.Module]:
    inner = 16 * multiplier
    return lambda: nn.Sequential(
        nn.Conv2d(16, inner, 3, groups=16),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, 16, 1),
    )


_KINDS: Dict[str, Callable[[], nn.Module]] = {
    "chunk_glu": ChunkGlu,
    "functional_glu": FunctionalGlu,
    "split_sizes": SplitSizes,
    "slice_channels": SliceChannels,
    "c2f_yolo": C2f,
    "shuffle": Shuffle,
    "shuffle_unit": ShuffleUnit,
    "pixel_shuffle": PixelShuffle,
    "pixel_unshuffle": PixelUnshuffle,
    "grouped": _grouped,
    "depthwise": _depthwise(1),
    "dw_multiplier2": _depthwise(2),
}
NETS = {name: middle(kind) for name, kind in _KINDS.items()}
