"""Residual networks for small pictures (He et al., 2016, arXiv:1512.03385, section 4.2).

Depth 6 * blocks + 2. Shortcut "A" pads with zeros as in the paper (HRank, arXiv:2002.10179, prunes
that variant of ResNet-56 and -110), "B" is open_lth's 1 x 1 convolution: with "A", ResNet-20 has
269 722 parameters. `resnet32_grasp` is twice as wide (GraSP, Wang et al., 2020, arXiv:2002.07376).
"""

from typing import Sequence

from torch import nn

from edgejoule.bench.architectures.cifar_resnets import CifarResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "resnet20": {"blocks": 3, "shortcut": "B", "PARAMETERS": 272474, "MACS": 40813184},
    "resnet32": {"blocks": 5, "PARAMETERS": 464154, "MACS": 68862592},
    "resnet56": {"blocks": 9, "PARAMETERS": 853018, "MACS": 125485696},
    "resnet110": {"blocks": 18, "PARAMETERS": 1727962, "MACS": 252887680},
    "resnet32_grasp": {
        "blocks": 5,
        "shortcut": "B",
        "widths": (32, 64, 128),
        "PARAMETERS": 1860522,
        "MACS": 275612928,
    },
}


def build(
    classes: int,
    channels: int,
    blocks: int,
    *,
    shortcut: str = "A",
    widths: Sequence[int] = (16, 32, 64),
    slope: float = 0.0,
) -> nn.Module:
    """`blocks` a stage; `shortcut` "A" pads with zeros, "B" is a 1 x 1 convolution."""
    return CifarResNet(blocks, classes, channels, shortcut=shortcut, widths=widths, slope=slope)
