"""Wide residual networks for CIFAR (Zagoruyko and Komodakis, 2016, arXiv:1605.07146).

WRN-depth-widen; SNIP (arXiv:1810.02340) prunes 16-8, 16-10 and 22-8, RigL (arXiv:1911.11134) 16-4.
"""

from torch import nn

from edgejoule.bench.architectures.wide_resnets import WideResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "wrn_16_4": {"depth": 16, "widen": 4, "PARAMETERS": 2748890, "MACS": 392612352},
    "wrn_16_8": {"depth": 16, "widen": 8, "PARAMETERS": 10961370, "MACS": 1548145664},
    "wrn_16_10": {"depth": 16, "widen": 10, "PARAMETERS": 17116634, "MACS": 2412173568},
    "wrn_22_8": {"depth": 22, "widen": 8, "PARAMETERS": 17158106, "MACS": 2454115328},
}


def build(classes: int, channels: int, depth: int, widen: int, *, slope: float = 0.0) -> nn.Module:
    """(depth - 4) / 6 pre-activation blocks a stage, `widen` times as wide."""
    return WideResNet(depth, widen, classes, channels, slope)
