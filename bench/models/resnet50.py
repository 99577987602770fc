"""ResNet-50 for ImageNet, torchvision's geometry (He et al., 2016, arXiv:1512.03385)."""

from edgejoule.bench.architectures.imagenet_resnets import Bottleneck, ImagenetResNet

INPUT_SHAPE = (3, 224, 224)
CLASSES = 1000
PARAMETERS = 25557032
MACS = 4089184256


def build(classes=1000, channels=3):
    """3, 4, 6 and 3 bottlenecks in four stages."""
    return ImagenetResNet(Bottleneck, (3, 4, 6, 3), classes, channels)
