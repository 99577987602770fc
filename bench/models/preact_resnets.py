"""Pre-activation networks of bottlenecks for CIFAR (He et al., 2016, arXiv:1603.05027).

Depth 9 * blocks + 2: the spline paper's PreResNet-101, and network slimming's ResNet-164 (Liu et
al., 2017, arXiv:1708.06519).
"""

from torch import nn

from edgejoule.bench.architectures.preact_resnets import PreactResNet

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "preresnet101": {"blocks": 11, "PARAMETERS": 1054106, "MACS": 154061312},
    "resnet164": {"blocks": 18, "PARAMETERS": 1703258, "MACS": 247646720},
}


def build(classes: int, channels: int, blocks: int, *, slope: float = 0.0) -> nn.Module:
    """`blocks` bottlenecks a stage."""
    return PreactResNet(blocks, classes, channels, slope=slope)
