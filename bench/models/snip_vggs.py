"""VGG networks of SNIP for CIFAR (Lee et al., 2019, arXiv:1810.02340).

A plan names the width of each convolution (256/1: its kernel is 1 x 1) and "M" for a max pooling;
`hidden` layers of 512 follow.
"""

from torch import nn

from edgejoule.bench.architectures import snip
from edgejoule.bench.architectures.vggs import parsed

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "vgg_c": {
        "plan": "64 64 M 128 128 M 256 256 256/1 M 512 512 512/1 M 512 512 512/1 M",
        "hidden": 2,
        "PARAMETERS": 10537034,
        "MACS": 238228480,
    },
    "vgg_d": {
        "plan": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
        "hidden": 2,
        "PARAMETERS": 15255626,
        "MACS": 313725952,
    },
    "vgg_like": {
        "plan": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
        "hidden": 1,
        "PARAMETERS": 14991946,
        "MACS": 313463808,
    },
}


def build(classes: int, channels: int, plan: str, hidden: int, *, slope: float = 0.0) -> nn.Module:
    """Thirteen convolutions and one or two hidden layers."""
    return snip.vgg(parsed(plan), hidden, classes, channels, slope)
