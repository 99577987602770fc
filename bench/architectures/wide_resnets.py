"""Wide residual networks (Zagoruyko and Komodakis, 2016, arXiv:1605.07146, table 1).

Depth 6n + 4, three stages of n pre-activation blocks of two 3 x 3 convolutions, `widen` times 16,
32 and 64 channels. Where the shape changes the shortcut is a 1 x 1 convolution of the activated x.
"""

from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights


class WideBlock(nn.Module):
    """conv2(relu(bn2(conv1(relu(bn1(x)))))) + x, or + shortcut(relu(bn1(x)))."""

    def __init__(self, inputs: int, outputs: int, stride: int, slope: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.relu = activations.relu(slope)
        self.shortcut = (
            None
            if inputs == outputs and stride == 1
            else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        activated = self.relu(self.bn1(x))
        y = self.conv2(self.relu(self.bn2(self.conv1(activated))))
        return y + (x if self.shortcut is None else self.shortcut(activated))


def stage(inputs: int, outputs: int, blocks: int, stride: int, slope: float) -> nn.Sequential:
    """Blocks in a row, the first of which takes the stride and the new width."""
    first = WideBlock(inputs, outputs, stride, slope)
    rest = [WideBlock(outputs, outputs, 1, slope) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class WideResNet(nn.Module):
    """WRN-depth-widen for pictures [n, channels, h, w] of any size."""

    def __init__(
        self, depth: int, widen: int, classes: int, channels: int, slope: float = 0.0
    ) -> None:
        super().__init__()
        # the stem keeps 16 channels whatever the factor is
        blocks, widths = (depth - 4) // 6, [16, 16 * widen, 32 * widen, 64 * widen]
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.stages = nn.Sequential(
            stage(widths[0], widths[1], blocks, 1, slope),
            stage(widths[1], widths[2], blocks, 2, slope),
            stage(widths[2], widths[3], blocks, 2, slope),
        )
        self.bn = nn.BatchNorm2d(widths[-1])
        self.relu = activations.relu(slope)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], classes)
        weights.he(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.stages(self.conv1(x))))
        return self.fc(self.pool(x).flatten(1))
