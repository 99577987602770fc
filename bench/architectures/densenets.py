"""DenseNets for small pictures (Huang et al., 2017, arXiv:1608.06993, section 4.1).

Three blocks of bn-relu-conv 3 x 3, each adding `growth` channels to all before them, with a
1 x 1 convolution and a mean of 2 x 2 pixels between blocks. Bottlenecks and compression are left
out, as in network slimming (Liu et al., 2017, arXiv:1708.06519), where gamma starts at one half.
"""

from typing import List

import torch
from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights


class DenseLayer(nn.Module):
    """x with the channels of conv(relu(bn(x))) behind it [n, c + growth, h, w]."""

    def __init__(self, inputs: int, growth: int, slope: float) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.relu = activations.relu(slope)
        self.conv = nn.Conv2d(inputs, growth, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.relu(self.bn(x)))], 1)


class DenseNet(nn.Module):
    """A network of depth 3 * layers + 4."""

    def __init__(
        self, layers: int, growth: int, classes: int, channels: int, slope: float = 0.0
    ) -> None:
        super().__init__()
        width = 2 * growth
        parts: List[nn.Module] = [nn.Conv2d(channels, width, 3, 1, 1, bias=False)]
        for block in range(3):
            parts += [DenseLayer(width + growth * layer, growth, slope) for layer in range(layers)]
            width += growth * layers
            if block < 2:  # after the last block comes the classifier
                parts += [
                    nn.BatchNorm2d(width),
                    activations.relu(slope),
                    nn.Conv2d(width, width, 1, bias=False),
                    nn.AvgPool2d(2),
                ]
        self.features = nn.Sequential(*parts)
        self.bn = nn.BatchNorm2d(width)
        self.relu = activations.relu(slope)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, classes)
        weights.he(self, gamma=0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.relu(self.bn(self.features(x)))).flatten(1))
