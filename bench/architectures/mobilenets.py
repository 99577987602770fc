"""MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381, table 2).

Geometry, names and initial weights are torchvision's, so a state dict of either fits the other.
"""

from typing import List

from torch import Tensor, nn

from edgejoule.bench.architectures import weights

# expansion, channels, blocks, stride of the first block
PLAN = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """A convolution, its norm and a ReLU capped at 6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Wide 1 x 1, depthwise 3 x 3 and narrow 1 x 1 convolutions, round which x is added."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        layers: List[nn.Module] = [unit(inputs, wide, 1)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *layers,
            unit(wide, wide, 3, stride, wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """Seventeen inverted residuals between a strided stem and 1280 channels."""

    def __init__(self, classes: int, channels: int, dropout: float = 0.2) -> None:
        super().__init__()
        features, inputs = [unit(channels, 32, 3, 2)], 32
        for expansion, outputs, blocks, stride in PLAN:
            for block in range(blocks):
                features.append(
                    InvertedResidual(inputs, outputs, 1 if block else stride, expansion)
                )
                inputs = outputs
        self.features = nn.Sequential(*features, unit(inputs, 1280, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(1280, classes))
        weights.he(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))
