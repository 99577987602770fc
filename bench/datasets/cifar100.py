"""CIFAR-100, 32 x 32 pictures of a hundred classes (Krizhevsky, 2009), fine labels.

Mean, deviation, 4-pixel crops and flips are those of CIFAR-10, as in network slimming.
"""

from pathlib import Path
from typing import Optional, Sequence, Union

from edgejoule.bench.data import Data, images, side
from edgejoule.bench.formats import archives, cifar_batches
from edgejoule.bench.training import augmentation

CLASSES = 100
INPUT_SHAPE = (3, 32, 32)
RESIZES = True
TRAIN_IMAGES = 50000
TEST_IMAGES = 10000
LICENCE = "none stated; published for research, please cite Krizhevsky (2009)"
CHECKSUMS = {
    "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8",
    "train.bin": "6172c7755cfe09b2fe270c85cebc1b15",
    "test.bin": "4499cfba6c016c1be1438163640a0898",
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
}
FILES = {
    "cifar-100-python": (["train"], ["test"]),
    "cifar-100-binary": (["train.bin"], ["test.bin"]),
}
SOURCE = archives.Source(
    "cifar100",
    ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    tuple(FILES),
    CHECKSUMS,
)
LAYOUT = cifar_batches.Layout(FILES, CLASSES, key="fine_labels", label_bytes=2)


def load(
    root: Union[str, Path],
    *,
    resize: Optional[int] = None,
    pad: int = 4,
    flip: float = 0.5,
    mean: Sequence[float] = (0.4914, 0.4822, 0.4465),
    std: Sequence[float] = (0.2023, 0.1994, 0.2010),
    download: bool = False,
    verify: bool = True,
) -> Data:
    """All pictures in memory, from the pickled or the binary version under `root`.

    `resize` brings them to other sides; `pad` counts pixels of the pictures as they are stored.
    """
    train, test = cifar_batches.load(SOURCE, root, LAYOUT, download, verify)
    scale = side(resize, INPUT_SHAPE[1]) / INPUT_SHAPE[1]
    return Data(
        images(*train, mean, std, resize=resize),
        images(*test, mean, std, resize=resize),
        augmentation.crops_and_flips(pad, flip, mean, std, scale),
    )
