"""Networks that fork and join: sums, concatenations, splits, groups, shuffles."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import Head, conv_bn, middle, named


class Residual(nn.Module):
    """x + f(x); f ends without ReLU."""

    def __init__(self, channels: int, inner: int = 12, **settings: Any) -> None:
        super().__init__()
        self.f = nn.Sequential(
            conv_bn(channels, inner), nn.Conv2d(inner, channels, 3, padding=1, **settings)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.f(x))


class Preact(nn.Module):
    """Batch norm and ReLU in front of each convolution, a stream that nothing normalises."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(16), nn.Conv2d(16, 12, 3, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(12), nn.Conv2d(12, 16, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.bn1(x)))
        return x + self.conv2(F.relu(self.bn2(y)))


class CatBranches(nn.Module):
    """Inception: three branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv_bn(16, 8, 1), conv_bn(16, 12), nn.Conv2d(16, 4, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.a(x), self.b(x), F.max_pool2d(self.c(x), 3, 1, 1)], 1)


class CatResidual(nn.Module):
    """A concatenation added to its own input."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 6), conv_bn(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.cat((self.a(x), self.b(x)), dim=1)


class CatFlatten(nn.Module):
    """Two maps flattened, then side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, stride=4), nn.Conv2d(3, 4, 3, stride=5)
        # maps of 4 x 4 and of 3 x 3 pixels: channels own 16 and 9 inputs of the linear layer
        self.fc1, self.fc2 = nn.Linear(6 * 16 + 4 * 9, 20), nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.a(x).flatten(1), self.b(x).flatten(1)], -1)
        return self.fc2(F.relu(self.fc1(both)))


class UnetConvt(nn.Module):
    """Down, up by a transposed convolution, skip by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.mid = conv_bn(16, 24, stride=2), conv_bn(24, 24)
        self.up, self.out = nn.ConvTranspose2d(24, 12, 2, stride=2), conv_bn(28, 16)  # 16 + 12

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.cat([x, self.up(self.mid(self.down(x)))], 1))


class ConvtGroups(nn.Module):
    """Grouped and depthwise transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.ConvTranspose2d(16, 24, 3, padding=1, groups=4)
        self.b = nn.ConvTranspose2d(24, 24, 4, stride=2, padding=1, groups=24)
        self.c = nn.Conv2d(24, 16, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(F.relu(self.b(self.a(x))))


class Pyramid(nn.Module):
    """FPN: laterals summed with what is interpolated from below."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.top, self.side = (
            conv_bn(16, 24, stride=2),
            nn.Conv2d(24, 16, 1),
            nn.Conv2d(16, 16, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        low = self.top(self.down(x))
        return self.side(x) + F.interpolate(
            low, size=x.shape[-2:], mode="bilinear", align_corners=False
        )


class GroupedResidual(nn.Module):
    """Two and three groups on one stream of twelve."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = conv_bn(3, 12), Head(12)
        # every half and every third of the stream must lose as many: it loses six at a time
        self.a, self.b = Residual(12, groups=2), Residual(12, groups=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.b(self.a(self.stem(x))))


class StackSum(nn.Module):
    """Parallel branches stacked and summed; selective kernel attention without softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 16), conv_bn(16, 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.a(x), self.b(x)], dim=0).sum(0)


class PaddedShortcut(nn.Module):
    """Option A shortcuts three ways: F.pad, x * 0, and new_zeros."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.f = way, nn.Sequential(conv_bn(16, 32, stride=2), conv_bn(32, 32))

    def forward(self, x: Tensor) -> Tensor:
        short = x[:, :, ::2, ::2]
        if self.way == "pad":
            short = F.pad(short, (0, 0, 0, 0, 8, 8))
        elif self.way == "times":
            short = torch.cat((short, short.mul(0)), 1)
        else:
            n, c, h, w = short.shape
            short = torch.cat((short, short.new_zeros(n, 16, h, w)), 1)
        # 16 of the 32 channels are those of x; the others come from f alone
        return F.relu(short + self.f(x))


class InputSkip(nn.Module):
    """The image itself is concatenated further up."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(15, 10), Head(10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.b(torch.cat([x, self.a(x)], 1)))


NETS = named(CatFlatten, GroupedResidual, InputSkip)
NETS.update(
    {
        "cat_branches": middle(CatBranches, 24),
        "cat_residual": middle(CatResidual),
        "unet_convt": middle(UnetConvt),
        "convt_groups": middle(ConvtGroups),
        "pyramid": middle(Pyramid),
        "preact": middle(lambda: nn.Sequential(Preact(), Preact(), nn.BatchNorm2d(16), nn.ReLU())),
        "stack_sum": middle(StackSum),
        "residual": middle(lambda: Residual(16)),
        "shortcut_pad": middle(lambda: PaddedShortcut("pad"), 32),
        "shortcut_times_zero": middle(lambda: PaddedShortcut("times"), 32),
        "shortcut_new_zeros": middle(lambda: PaddedShortcut("zeros"), 32),
    }
)
