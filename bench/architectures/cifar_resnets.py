"""Residual networks for small pictures (He et al., 2016, arXiv:1512.03385, section 4.2).

Depth 6n + 2: a 3 x 3 stem, three stages of n blocks of two 3 x 3 convolutions, one linear layer.
Where a stage halves the picture the shortcut is "A", every second pixel with zero channels
beside it (the paper's choice on CIFAR), or "B", a strided 1 x 1 convolution and a batch norm.
"""

from typing import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.architectures import activations, weights

SHORTCUTS = ("A", "B")


class PadShortcut(nn.Module):
    """Every `stride`-th pixel [n, c, h/s, w/s], with zero channels before and after."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.before, self.after, self.stride = before, after, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


def shortcut_of(kind: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """What carries x round a block: nothing where the shape stays, else option A or B."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if kind == "A":
        if outputs < inputs:
            raise ValueError(
                "shortcut 'A' pads channels and cannot narrow {} to {}; use shortcut 'B'".format(
                    inputs, outputs
                )
            )
        before = (outputs - inputs) // 2
        return PadShortcut(before, outputs - inputs - before, stride)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))."""

    def __init__(self, inputs: int, outputs: int, stride: int, kind: str, slope: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = activations.relu(slope)
        self.shortcut = shortcut_of(kind, inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def stage(
    inputs: int, width: int, blocks: int, stride: int, kind: str, slope: float
) -> nn.Sequential:
    """Blocks in a row, the first of which takes the stride and the new width."""
    first = BasicBlock(inputs, width, stride, kind, slope)
    rest = [BasicBlock(width, width, 1, kind, slope) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class CifarResNet(nn.Module):
    """A network of depth 6 * blocks + 2 for pictures [n, channels, h, w] of any size."""

    def __init__(
        self,
        blocks: int,
        classes: int,
        channels: int,
        *,
        shortcut: str,
        widths: Sequence[int],
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise ValueError(
                "shortcut {!r}; choose 'A' (zero padding) or 'B' (1 x 1 convolution)".format(
                    shortcut
                )
            )
        self.conv1 = nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = activations.relu(slope)
        inputs = (widths[0],) + tuple(widths)  # of each stage
        self.stages = nn.Sequential(
            *[
                stage(inputs[number], width, blocks, 2 if number > 0 else 1, shortcut, slope)
                for number, width in enumerate(widths)
            ]
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], classes)
        weights.he(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.relu(self.bn1(self.conv1(x))))
        return self.fc(self.pool(x).flatten(1))
