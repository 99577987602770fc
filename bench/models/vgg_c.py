"""VGG-C of SNIP for CIFAR (Lee et al., 2019, arXiv:1810.02340)."""

from edgejoule.bench.architectures import snip

INPUT_SHAPE = (3, 32, 32)
CLASSES = 10
PARAMETERS = 10537034
MACS = 238228480
PLAN = (
    64,
    64,
    "M",
    128,
    128,
    "M",
    256,
    256,
    (256, 1),
    "M",
    512,
    512,
    (512, 1),
    "M",
    512,
    512,
    (512, 1),
    "M",
)


def build(classes=10, channels=3):
    """Thirteen convolutions, the seventh, tenth and last 1 x 1, and two hidden layers of 512."""
    return snip.vgg(PLAN, 2, classes, channels)
