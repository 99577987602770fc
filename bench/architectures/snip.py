"""The networks of SNIP for small pictures (Lee et al., 2019, arXiv:1810.02340, appendix).

Convolutions and linear layers have biases, and each but the last a batch norm. The paper's
counts are of weights and biases alone; ours include the norms' gamma and beta. Strided
convolutions are padded evenly, where TensorFlow pads one pixel more below and to the right.
"""

from collections import OrderedDict
from typing import List

from torch import nn

from edgejoule.bench.architectures import activations, vggs, weights


def alexnet(k: int, classes: int, channels: int, slope: float = 0.0) -> nn.Module:
    """Five convolutions, all with stride 2, and two hidden layers of k * 1024."""
    convolutions = ((96, 11), (256, 5), (384, 3), (384, 3), (256, 3))
    features: List[nn.Module] = []
    for width, kernel in convolutions:
        features += [
            nn.Conv2d(channels, width, kernel, 2, kernel // 2),
            nn.BatchNorm2d(width),
            activations.relu(slope),
        ]
        channels = width
    return _chain(features, [channels, 1024 * k, 1024 * k, classes], slope)


def vgg(plan: vggs.Plan, hidden: int, classes: int, channels: int, slope: float = 0.0) -> nn.Module:
    """A VGG whose plan leaves one pixel, and `hidden` layers of 512."""
    features = vggs.layers(plan, channels, bias=True, slope=slope)
    return _chain(features, [512] * (hidden + 1) + [classes], slope)


def _chain(features: List[nn.Module], widths: List[int], slope: float) -> nn.Module:
    classifier: List[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:-1]):  # all but the last, which has no norm
        classifier += [
            nn.Linear(inputs, outputs),
            nn.BatchNorm1d(outputs),
            activations.relu(slope),
        ]
    classifier.append(nn.Linear(widths[-2], widths[-1]))
    parts = OrderedDict(
        [
            ("features", nn.Sequential(*features)),
            ("flatten", nn.Flatten()),
            ("classifier", nn.Sequential(*classifier)),
        ]
    )
    return weights.variance_scaling(nn.Sequential(parts))
