"""VGG networks for CIFAR, one linear layer on 512 channels (Liu et al., 2017, arXiv:1708.06519).

A plan names the width of each 3 x 3 convolution without bias, each with its batch norm, and "M"
for a max pooling.
"""

from torch import nn

from edgejoule.bench.architectures.vggs import Vgg, parsed

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "vgg11": {
        "plan": "64 M 128 M 256 256 M 512 512 M 512 512",
        "PARAMETERS": 9228362,
        "MACS": 152769536,
    },
    "vgg16": {
        "plan": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512",
        "PARAMETERS": 14724042,
        "MACS": 313201664,
    },
    "vgg19": {
        "plan": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512",
        "PARAMETERS": 20035018,
        "MACS": 398136320,
    },
}


def build(classes: int, channels: int, plan: str, *, slope: float = 0.0) -> nn.Module:
    """The convolutions of a plan, the mean of what they leave, one linear layer."""
    return Vgg(parsed(plan), classes, channels, slope)
