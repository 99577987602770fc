"""Constructions of published networks that once were cut for some ratios only, or not at all."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import Head, conv_bn, middle, named


class GrownShortcut(nn.Module):
    """ReXNet: the sum runs over the first channels, by a stored number; the others are new."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.shared = conv_bn(3, 8), conv_bn(8, 13), 8
        self.tail, self.head = conv_bn(13, 6), Head(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.block(x)
        y = torch.cat([y[:, : self.shared] + x, y[:, self.shared :]], 1)
        return self.head(self.tail(y))


class FirstOfFew(nn.Module):
    """The first three of four channels, by number: a trial may happen to keep just these."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 4), conv_bn(3, 9), conv_bn(9, 6), Head(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.c(self.b(self.a(x)[:, :3])))


class LinearAttention(nn.Module):
    """EfficientViT: a row of ones, appended to the values, counts the keys."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Conv2d(16, 48, 1), conv_bn(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        tokens = self.qkv(x).reshape(n, -1, 3 * 8, h * w).transpose(2, 3)
        query, key, value = tokens.chunk(3, 3)
        query, key = F.relu(query), F.relu(key)
        summed = query @ (key.transpose(2, 3) @ F.pad(value, (0, 1), value=1.0))
        mixed = summed[..., :-1] / (summed[..., -1:] + 1e-3)
        return self.out(mixed.transpose(2, 3).reshape(n, -1, h, w)) + x


class RelativePositions(nn.Module):
    """BoTNet: distances between pixels become positions by padding and folding anew."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.width = nn.Conv2d(16, 24, 1), nn.Parameter(torch.randn(31, 8) * 0.3)
        self.out = conv_bn(8, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        query, key, value = self.qkv(x).chunk(3, 1)
        rows = query.permute(0, 2, 3, 1)  # [n, h, w, 8]
        attention = (query.flatten(2).transpose(1, 2) @ key.flatten(2)).view(n, h * w, h, w)
        attention = attention + self._turned(rows).reshape(n, h * w, 1, w)
        mixed = value.flatten(2) @ attention.view(n, h * w, h * w).softmax(2).transpose(1, 2)
        return self.out(mixed.view(n, -1, h, w)) + x

    def _turned(self, rows: Tensor) -> Tensor:
        """The product with the embedding of each pixel's distance [n * h, w, w]."""
        n, h, w, _ = rows.shape
        far = F.pad((rows @ self.width.t()).reshape(-1, w, 2 * w - 1), [0, 1]).flatten(1)
        far = F.pad(far, [0, w - 1]).reshape(-1, w + 1, 2 * w - 1)
        return far[:, :w, w - 1 :]


class GroupDeviation(nn.Module):
    """EvoNorm: divides by the deviation of four channels, whose number it insists on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        if c != self.channels:
            raise ValueError("{} channels".format(c))
        spread = x.reshape(n, 4, -1, h, w).var((2, 3, 4), keepdim=True).add(1e-3).sqrt()
        scale = spread.expand(-1, -1, c // 4, h, w).reshape(n, c, h, w)
        return x * x.sigmoid() / scale * self.weight.view(1, -1, 1, 1)


class ManyNorms(nn.Module):
    """More layers that insist on their channels than there are trials; the last may be cut."""

    def __init__(self) -> None:
        super().__init__()
        layers = [m for _ in range(14) for m in (nn.Conv2d(8, 8, 1), GroupDeviation(8))]
        self.stem, self.body = nn.Conv2d(3, 8, 3), nn.Sequential(*layers)
        self.tail, self.head = conv_bn(8, 12), Head(12)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.tail(self.body(self.stem(x))))


class HaloWindows(nn.Module):
    """HaloNet: overlapping windows of pixels by Tensor.unfold, each weighed by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 12), conv_bn(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        seen = F.pad(self.a(x), (1, 1, 1, 1)).unfold(2, 6, 4).unfold(3, 6, 4)
        around = seen.mean((4, 5)).repeat_interleave(4, 2).repeat_interleave(4, 3)
        return self.b(around)


class GroupNormPerChannel(nn.Module):
    """A group norm with as many groups as channels, in a residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.first = nn.Conv2d(16, 24, 3, padding=1), nn.GroupNorm(24, 24)
        self.b, self.second = nn.Conv2d(24, 16, 3, padding=1), nn.GroupNorm(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.b(F.relu(self.first(self.a(x)))))) + x


class GridSampled(nn.Module):
    """A spatial transformer: pixels are read where a small network says."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.turn, self.b = conv_bn(16, 12), nn.Linear(12, 6), conv_bn(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        turn = torch.tanh(self.turn(x.mean((2, 3)))).view(-1, 2, 3)
        grid = F.affine_grid(turn, [x.shape[0], 1, x.shape[2], x.shape[3]], align_corners=False)
        return self.b(F.grid_sample(x, grid, align_corners=False))


class TransposedMultiplier(nn.Module):
    """A depthwise transposed convolution that makes two channels of each."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 12), conv_bn(24, 16)
        self.up = nn.ConvTranspose2d(12, 24, 2, stride=2, groups=12)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.up(self.a(x)))


class FunctionalDropout(nn.Module):
    """GhostNet: dropout as a function, which only train() runs; cheap channels beside real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.cheap = conv_bn(3, 12), conv_bn(12, 12, groups=12)
        self.b, self.out = conv_bn(24, 10), nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        x = self.b(torch.cat([x, self.cheap(x)], 1)).mean((2, 3))
        if self.training:
            x = F.dropout(x, 0.2)
        return self.out(x)


class DynamicConv(nn.Module):
    """Dynamic convolution: four weights, mixed for every sample, run as one grouped convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.gate, self.b = conv_bn(16, 12), nn.Linear(12, 4), conv_bn(10, 16)
        self.weight = nn.Parameter(torch.randn(4, 10, 12, 3, 3) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        n, c, h, w = x.shape
        share = torch.softmax(self.gate(x.mean((2, 3))), 1).view(n, 4, 1, 1, 1, 1)
        weight = (share * self.weight).sum(1)
        out, inner, *kernel = weight.shape[1:]
        mixed = weight.reshape(n * out, inner, *kernel)
        found = F.conv2d(x.reshape(1, n * c, h, w), mixed, padding=1, groups=n)
        return self.b(found.view(n, out, h, w))


class StoredSplit(nn.Module):
    """YOLOv8's C2f and CSPNet: a split by sizes that the module keeps, as a tuple and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.halves: Any = (12, 12)  # split takes tuples too, whatever its annotation says
        self.expanded, self.depth = 20, 3
        self.a, self.b = conv_bn(16, 24), conv_bn(12, 20)
        self.c, self.d = conv_bn(10, 8), conv_bn(12 + 10 + 8, 16)

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.split(self.a(x), self.halves, 1)
        one, two = self.b(right).split(self.expanded // 2, 1)
        for _ in range(self.depth - 2):
            two = torch.relu(two)
        return self.d(torch.cat([left, one, self.c(two)], 1))


NETS = named(GrownShortcut, FirstOfFew, ManyNorms)
NETS.update(named(FunctionalDropout, noisy=True))
NETS.update({"halo_windows": middle(HaloWindows), "grid_sampled": middle(GridSampled)})
NETS["dynamic_conv"] = middle(DynamicConv)
NETS["stored_split"] = middle(StoredSplit)
NETS["group_norm_per_channel"] = middle(GroupNormPerChannel)
NETS["transposed_multiplier"] = middle(TransposedMultiplier)
NETS["linear_attention"] = middle(LinearAttention)
NETS["relative_positions"] = middle(RelativePositions)
