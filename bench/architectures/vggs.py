"""VGG networks for small pictures (Simonyan and Zisserman, 2015, arXiv:1409.1556).

A plan lists the width of each 3 x 3 convolution (a pair: width and another kernel), and "M" for
a max pooling. `Vgg` has the geometry of network slimming (Liu et al., 2017, arXiv:1708.06519):
convolutions without bias, a batch norm after each with gamma one half, one linear layer on the
averaged last feature map.
"""

from typing import List, Sequence, Tuple, Union

from torch import Tensor, nn

from edgejoule.bench.architectures import activations, weights

Plan = Sequence[Union[int, str, Tuple[int, int]]]


def parsed(text: str) -> Plan:
    """The plan that is written "64 64 M 256/1": widths, "M", and a width with its own kernel."""
    found: List[Union[int, str, Tuple[int, int]]] = []
    for word in text.split():
        width, slash, kernel = word.partition("/")
        found.append("M" if word == "M" else (int(width), int(kernel)) if slash else int(width))
    return found


def layers(plan: Plan, channels: int, bias: bool = False, slope: float = 0.0) -> List[nn.Module]:
    """The convolutions of a plan, each with its norm and ReLU, and its poolings, in order."""
    found: List[nn.Module] = []
    for entry in plan:
        if entry == "M":
            # ceil_mode keeps one pixel where a small picture has run out of halves
            found.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        width, kernel = entry if isinstance(entry, tuple) else (int(entry), 3)
        found += [
            nn.Conv2d(channels, width, kernel, 1, kernel // 2, bias=bias),
            nn.BatchNorm2d(width),
            activations.relu(slope),
        ]
        channels = width
    return found


class Vgg(nn.Module):
    """Features by a plan that leaves at most 2 x 2 pixels, their mean, one linear layer."""

    def __init__(self, plan: Plan, classes: int, channels: int, slope: float = 0.0) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers(plan, channels, slope=slope))
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        widths = [m.out_channels for m in self.features if isinstance(m, nn.Conv2d)]
        self.classifier = nn.Linear(widths[-1], classes)
        weights.he(self, gamma=0.5, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))
