"""The networks of SNIP-it (Verdenius et al., 2020, arXiv:2006.00896, appendix L).

A batch norm and a leaky ReLU of slope 0.05 after every layer but the last, dropout 0.3 in front
of the linear ones, orthogonal initial weights.
"""

from collections import OrderedDict
from typing import List, NamedTuple, Sequence

from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights

SLOPE, DROPOUT = 0.05, 0.3


class Style(NamedTuple):
    """What a network is asked for beside its shape; the defaults are the paper's."""

    slope: float = SLOPE  # of its activations below zero; 0: ReLU
    dropout: float = DROPOUT  # share of what enters a linear layer


PAPER = Style()


def convolution(
    inputs: int, outputs: int, kernel: int, padding: int, style: Style = PAPER
) -> List[nn.Module]:
    """A convolution with bias, its norm and its leaky ReLU."""
    return [
        nn.Conv2d(inputs, outputs, kernel, 1, padding),
        nn.BatchNorm2d(outputs),
        activations.relu(style.slope),
    ]


def convolutions(widths: Sequence[int], style: Style = PAPER) -> List[nn.Module]:
    """3 x 3 convolutions from each width to the next."""
    return [
        layer
        for inputs, outputs in zip(widths, widths[1:])
        for layer in convolution(inputs, outputs, 3, 1, style)
    ]


def linear(
    widths: Sequence[int], style: Style = PAPER, dropout_first: bool = True
) -> List[nn.Module]:
    """Linear layers from each width to the next, the last one bare."""
    layers: List[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:]):
        if layers or dropout_first:
            layers.append(nn.Dropout(style.dropout))
        layers += [
            nn.Linear(inputs, outputs),
            nn.BatchNorm1d(outputs),
            activations.relu(style.slope),
        ]
    return layers[:-2]  # without the norm and activation of the last one


def network(
    features: List[nn.Module], pool: int, widths: Sequence[int], style: Style = PAPER
) -> nn.Module:
    """Features, their mean on a `pool` x `pool` grid, and linear layers of these widths."""
    parts = OrderedDict(
        [
            ("features", nn.Sequential(*features)),
            ("pool", nn.AdaptiveAvgPool2d(pool)),
            ("flatten", nn.Flatten()),
            ("classifier", nn.Sequential(*linear(widths, style))),
        ]
    )
    return weights.orthogonal(nn.Sequential(parts), style.slope)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with biases round which x, or its strided projection, is added."""

    def __init__(self, inputs: int, outputs: int, stride: int, style: Style = PAPER) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = activations.relu(style.slope)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Identity()
            if stride == 1
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))
