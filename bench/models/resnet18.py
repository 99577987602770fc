"""ResNet-18 for ImageNet, torchvision's geometry (He et al., 2016, arXiv:1512.03385)."""

from edgejoule.bench.architectures.imagenet_resnets import BasicBlock, ImagenetResNet

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 11689512
MACS = 1814073344


def build(classes=1000, channels=3):
    """Two basic blocks in each of four stages."""
    return ImagenetResNet(BasicBlock, (2, 2, 2, 2), classes, channels)
