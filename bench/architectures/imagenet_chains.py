"""AlexNet and VGG for ImageNet, with torchvision's geometry, names and initial weights."""

from typing import List, NamedTuple, Sequence, Union

from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights


class Style(NamedTuple):
    """What a network is asked for beside its shape."""

    slope: float = 0.0  # of its activations below zero; 0: ReLU
    dropout: float = 0.5  # share of the hidden units


USUAL = Style()


class Chain(nn.Module):
    """Features, their mean on a `pool` x `pool` grid, and three linear layers with dropout."""

    def __init__(
        self, features: List[nn.Module], width: int, pool: int, classes: int, style: Style
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(pool)
        self.classifier = nn.Sequential(*classifier(width * pool * pool, classes, style))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(classes: int, channels: int, style: Style = USUAL) -> nn.Module:
    """AlexNet (Krizhevsky, 2014, arXiv:1404.5997), dropout in front of each hidden layer."""

    def conv(inputs: int, outputs: int, kernel: int, stride: int, pad: int) -> List[nn.Module]:
        return [
            nn.Conv2d(inputs, outputs, kernel, stride, pad),
            activations.relu(style.slope, inplace=True),
        ]

    features: List[nn.Module] = (
        conv(channels, 64, 11, 4, 2)
        + [nn.MaxPool2d(3, 2)]
        + conv(64, 192, 5, 1, 2)
        + [nn.MaxPool2d(3, 2)]
        + conv(192, 384, 3, 1, 1)
        + conv(384, 256, 3, 1, 1)
        + conv(256, 256, 3, 1, 1)
        + [nn.MaxPool2d(3, 2)]
    )
    net = Chain(features, 256, 6, classes, style)
    # The same layers as VGG's, each dropout one place further up; the draw of weights is the same.
    first, relu, drop, second, relu2, drop2, last = net.classifier
    net.classifier = nn.Sequential(drop, first, relu, drop2, second, relu2, last)
    return net


def vgg(
    plan: Sequence[Union[int, str]], classes: int, channels: int, style: Style = USUAL
) -> nn.Module:
    """VGG without batch norms (Simonyan and Zisserman, 2015, arXiv:1409.1556)."""
    features: List[nn.Module] = []
    for entry in plan:
        if entry == "M":
            features.append(nn.MaxPool2d(2, 2))
        else:
            width = int(entry)
            features += [
                nn.Conv2d(channels, width, 3, 1, 1),
                activations.relu(style.slope, inplace=True),
            ]
            channels = width
    return weights.he(Chain(features, channels, 7, classes, style), linear_std=0.01)


def classifier(inputs: int, classes: int, style: Style) -> List[nn.Module]:
    """Two hidden layers of 4096, dropout after each, and the last layer."""
    return [
        nn.Linear(inputs, 4096),
        activations.relu(style.slope, inplace=True),
        nn.Dropout(style.dropout),
        nn.Linear(4096, 4096),
        activations.relu(style.slope, inplace=True),
        nn.Dropout(style.dropout),
        nn.Linear(4096, classes),
    ]
