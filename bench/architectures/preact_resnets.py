"""Pre-activation bottleneck networks for small pictures (He et al., 2016, arXiv:1603.05027).

Depth 9n + 2: a 3 x 3 stem without a norm, three stages of n blocks bn-relu-conv (1 x 1, 3 x 3,
1 x 1, expansion 4), a last norm, one linear layer. The geometry is that of network slimming
(Liu et al., 2017, arXiv:1708.06519): the first block of a stage sends the raw x, not its norm,
through a 1 x 1 convolution; gamma starts at one half. Its index layers are not part of the
model: cutting adds them where it needs them.
"""

from typing import Sequence

from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights

EXPANSION = 4


class PreactBlock(nn.Module):
    """conv3(relu(bn3(conv2(relu(bn2(conv1(relu(bn1(x)))))))) + shortcut(x)."""

    def __init__(self, inputs: int, width: int, stride: int, first: bool, slope: float) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.relu = activations.relu(slope)
        self.shortcut = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False) if first else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.relu(self.bn1(x)))
        y = self.conv2(self.relu(self.bn2(y)))
        return self.conv3(self.relu(self.bn3(y))) + self.shortcut(x)


def stage(inputs: int, width: int, blocks: int, stride: int, slope: float) -> nn.Sequential:
    """Blocks in a row, the first of which takes the stride and the new width."""
    first = PreactBlock(inputs, width, stride, first=True, slope=slope)
    outputs = EXPANSION * width
    rest = [PreactBlock(outputs, width, 1, first=False, slope=slope) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class PreactResNet(nn.Module):
    """A network of depth 9 * blocks + 2 for pictures [n, channels, h, w] of any size."""

    def __init__(
        self,
        blocks: int,
        classes: int,
        channels: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False)
        inputs = (widths[0],) + tuple(EXPANSION * width for width in widths)  # of each stage
        self.stages = nn.Sequential(
            *[
                stage(inputs[number], width, blocks, 2 if number > 0 else 1, slope)
                for number, width in enumerate(widths)
            ]
        )
        self.bn = nn.BatchNorm2d(inputs[-1])
        self.relu = activations.relu(slope)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs[-1], classes)
        weights.he(self, gamma=0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.stages(self.conv1(x))))
        return self.fc(self.pool(x).flatten(1))
