"""AlexNet-s and AlexNet-b of SNIP for CIFAR (Lee et al., 2019, arXiv:1810.02340)."""

from torch import nn

from edgejoule.bench.architectures import snip

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
MEMBERS = {
    "alexnet_s": {"k": 1, "PARAMETERS": 5077066, "MACS": 69912576},
    "alexnet_b": {"k": 2, "PARAMETERS": 8501322, "MACS": 73330688},
}


def build(classes: int, channels: int, k: int, *, slope: float = 0.0) -> nn.Module:
    """Five convolutions of stride 2, two hidden layers of k * 1024."""
    return snip.alexnet(k, classes, channels, slope)
