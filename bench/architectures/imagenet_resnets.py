"""Residual networks for ImageNet (He et al., 2016, arXiv:1512.03385, table 1).

Geometry, names and initial weights are torchvision's, so a state dict of either fits the other:
the bottleneck's stride sits on its 3 x 3 convolution (called v1.5), not on the first 1 x 1.
"""

from typing import Optional, Sequence, Type, Union

from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights


def downsample(inputs: int, outputs: int, stride: int) -> Optional[nn.Module]:
    """The shortcut: a strided 1 x 1 convolution with its norm, or None where the shape stays."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions round which x is added."""

    EXPANSION = 1

    def __init__(self, inputs: int, width: int, stride: int, slope: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = activations.relu(slope, inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, the last four times as wide, round which x is added."""

    EXPANSION = 4

    def __init__(self, inputs: int, width: int, stride: int, slope: float) -> None:
        super().__init__()
        outputs = self.EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = activations.relu(slope, inplace=True)
        self.downsample = downsample(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


Block = Union[Type[BasicBlock], Type[Bottleneck]]


def stage(
    block: Block, inputs: int, width: int, count: int, stride: int, slope: float
) -> nn.Sequential:
    """`count` blocks in a row, the first of which takes the stride."""
    outputs = block.EXPANSION * width
    first = block(inputs, width, stride, slope)
    return nn.Sequential(first, *[block(outputs, width, 1, slope) for _ in range(count - 1)])


class ImagenetResNet(nn.Module):
    """A 7 x 7 stem, four stages of the given numbers of blocks, one linear layer."""

    def __init__(
        self, block: Block, counts: Sequence[int], classes: int, channels: int, slope: float = 0.0
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = activations.relu(slope, inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        wide = block.EXPANSION
        # the stem's pooling has halved the picture: the first stage does not
        self.layer1 = stage(block, 64, 64, counts[0], 1, slope)
        self.layer2 = stage(block, wide * 64, 128, counts[1], 2, slope)
        self.layer3 = stage(block, wide * 128, 256, counts[2], 2, slope)
        self.layer4 = stage(block, wide * 256, 512, counts[3], 2, slope)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(wide * 512, classes)
        weights.he(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))
