"""Conv-2, Conv-4 and Conv-6 of the lottery tickets (Frankle and Carbin, 2019, arXiv:1803.03635).

Scaled-down VGGs for CIFAR-10 (their figure 2): pairs of 3 x 3 convolutions with a max pooling after
each pair, two hidden layers of 256, no batch norm. `conv6` is SNIP-it's variant of the last.
"""

from typing import List, Sequence

from torch import nn

from edgejoule.bench.architectures import activations, weights

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "conv2_lottery": {"pairs": (64,), "PARAMETERS": 4301642, "MACS": 43780608},
    "conv4_lottery": {"pairs": (64, 128), "PARAMETERS": 2425930, "MACS": 98306560},
    "conv6_lottery": {"pairs": (64, 128, 256), "PARAMETERS": 2262602, "MACS": 153881088},
}


def build(
    classes: int,
    channels: int,
    pairs: Sequence[int],
    *,
    side: int = 32,
    slope: float = 0.0,
) -> nn.Module:
    """Two convolutions of each width of `pairs`, for pictures of side x side pixels."""
    layers: List[nn.Module] = []
    for width in pairs:
        for inputs in (channels, width):
            layers += [nn.Conv2d(inputs, width, 3, 1, 1), activations.relu(slope)]
        layers.append(nn.MaxPool2d(2))
        channels = width
    layers.append(nn.Flatten())
    features = channels * (side >> len(pairs)) ** 2  # each pooling halves the side
    for inputs, outputs in ((features, 256), (256, 256)):
        layers += [nn.Linear(inputs, outputs), activations.relu(slope)]
    return weights.glorot(nn.Sequential(*layers, nn.Linear(256, classes)))
